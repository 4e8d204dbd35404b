"""A grouped convolution with a long kernel over packed rows, by overlap-save.

Blocks of 2K rows overlap by K, the kernel's length; a block's first K outputs are those of the linear convolution.
In the frequency domain the taps become one small matrix product a frequency and group: a direct convolution with
128 taps costs three times as much, and this needs no padding between utterances of different length.
Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 8.7.3.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def grouped_convolution(rows: Tensor, weight: Tensor, lengths: list[int]) -> Tensor:
    """rows (row, channel), weight (channel out, channel in / group, tap) -> (row, channel out).

    Output frame t of an utterance reads its frames t - tap // 2 .. ; zeros stand around each utterance.
    """
    dim, width, taps = weight.shape
    groups, frequencies, hop = dim // width, taps + 1, taps
    index, kept = _blocks(lengths, taps)
    precise = torch.promote_types(rows.dtype, torch.float32)  # the transforms know no bfloat16
    padded = F.pad(rows.to(precise), (0, 0, 0, 1))  # the last row, zeros, stands for all that is outside
    blocks = padded.index_select(0, index.to(rows.device)).view(-1, 2 * hop, dim)
    spectrum = torch.fft.rfft(blocks, dim=1)  # (block, frequency, channel)
    left = spectrum.view(-1, frequencies, groups, width).permute(1, 2, 0, 3).flatten(0, 1)
    response = torch.fft.rfft(weight.to(precise), n=2 * hop, dim=2).conj()  # correlation: the conjugate
    right = response.view(groups, width, width, frequencies).permute(3, 0, 2, 1).flatten(0, 1)
    product = torch.bmm(left, right).view(frequencies, groups, -1, width)  # (frequency, group, block, channel out)
    out = torch.fft.irfft(product.permute(2, 0, 1, 3).flatten(2), n=2 * hop, dim=1)[:, :hop]
    return torch.cat(out.reshape(-1, dim).split(kept)[::2]).to(rows.dtype)


def _blocks(lengths: list[int], taps: int) -> tuple[Tensor, list[int]]:
    """Row that each place of each block reads, and sizes: rows of an utterance, then rows to drop, alternating."""
    outside, start, index, kept = sum(lengths), 0, [], []
    for length in lengths:
        count = -(-length // taps)
        place = (torch.arange(count) * taps)[:, None] + torch.arange(2 * taps) - taps // 2
        index.append(torch.where((place >= 0) & (place < length), place + start, outside).flatten())
        kept += [length, count * taps - length]
        start += length
    return torch.cat(index), kept
