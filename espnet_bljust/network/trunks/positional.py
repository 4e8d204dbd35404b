"""The positional convolution: one wide grouped convolution over time, added to the frames.

Weight normalisation runs over the channels of each tap, as in the published programs: V · g[k] / |V[:, :, k]|
Source: Baevski et al., arXiv:2006.11477, section 2. Parameter names are those of torchaudio.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.network.packed.overlap_save import grouped_convolution


class PositionalConvolution(nn.Module):
    """An even kernel looks one frame further back than ahead."""

    def __init__(self, dim: int, kernel: int, groups: int) -> None:
        super().__init__()
        conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=groups)
        nn.init.normal_(conv.weight, std=math.sqrt(4 / (kernel * dim)))
        nn.init.zeros_(conv.bias)
        self.conv = nn.utils.parametrizations.weight_norm(conv, dim=2)

    def forward(self, rows: Tensor, lengths: list[int]) -> Tensor:
        """(row, dim) -> (row, dim), each utterance as if zeros stood around it."""
        return F.gelu(grouped_convolution(rows, self.conv.weight, lengths) + self.conv.bias)
