"""Log-mel features of packed utterances: 25 ms windows every 10 ms, none of which reaches over an utterance's ends.

    log max(Σ_f filter(f) |FFT_512(hann · x)|², 1e-10), then each band to mean 0 and variance 1 over the utterance
Normalised over the utterance, not over a corpus: an utterance alone is what it is in any batch, loudness and channel
are taken away, and nothing has to be measured before training. Of a long recording each window counts by itself.
Mel scale: m = 2595 log10(1 + f / 700), triangles of height 1 from 0 to 8 kHz (HTK; torchaudio's default).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from espnet_bljust.network.log_mel_config import HOP, WINDOW, mel_frames
from espnet_bljust.units import SAMPLE_RATE

FFT = 512
FLOOR = 1e-10
EPSILON = 1e-5  # variance of a band that does not vary


class SpectrumMask(NamedTuple):
    """What is hidden of the first utterances of a batch behind 0, the mean of every normalised band (SpecAugment)."""

    frames: Tensor  # (mel frame,) bool, packed
    bands: Tensor  # (utterance, mel) bool

    def hide(self, rows: Tensor, lengths: list[int]) -> Tensor:
        """rows (mel frame, mel) of all utterances, ``lengths`` of each; what these do not cover stays as it is."""
        counts = torch.tensor(lengths[: len(self.bands)])
        hidden = self.bands.repeat_interleave(counts, 0) | self.frames[:, None]
        first = rows[: len(hidden)].masked_fill(hidden.to(rows.device, non_blocking=True), 0.0)
        return torch.cat([first, rows[len(hidden) :]])


class LogMel(nn.Module):
    """Holds window and filters, which are no weights: they are not in a state dict."""

    def __init__(self, num_mels: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW, dtype=torch.float64).float(), persistent=False)
        self.register_buffer("filters", mel_filters(num_mels).float(), persistent=False)

    def forward(self, waves: list[Tensor], spectrum: SpectrumMask | None = None) -> tuple[Tensor, list[int]]:
        """waves: (sample,) at 16 kHz each -> (frame, mel), packed and normalised, and the frames of each."""
        lengths = [mel_frames(len(wave)) for wave in waves]
        with torch.autocast(waves[0].device.type, enabled=False):  # sums over 257 powers of very different size
            windows = torch.cat([wave.unfold(0, WINDOW, HOP) for wave in waves]) * self.window
            parts = torch.view_as_real(torch.fft.rfft(windows, FFT)).flatten(1)  # real, imaginary, real, ..
            energy = (parts.square() @ self.filters.repeat_interleave(2, 0)).clamp_min(FLOOR).log()
            rows = torch.cat([_normalised(part) for part in energy.split(lengths)])
        return rows if spectrum is None else spectrum.hide(rows, lengths), lengths


def _normalised(rows: Tensor) -> Tensor:
    variance, mean = torch.var_mean(rows, 0, correction=0)
    return (rows - mean) * (variance + EPSILON).rsqrt()


def mel_filters(num_mels: int) -> Tensor:
    """(frequency, mel), float64."""
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1, dtype=torch.float64)
    top = 2595 * torch.log10(torch.tensor(1 + SAMPLE_RATE / 2 / 700, dtype=torch.float64))
    corners = 700 * (10 ** (torch.linspace(0, 1, num_mels + 2, dtype=torch.float64) * top / 2595) - 1)
    distance = frequencies[:, None] - corners  # (frequency, corner)
    widths = corners.diff()
    rising, falling = distance[:, :-2] / widths[:-1], -distance[:, 2:] / widths[1:]
    return torch.minimum(rising, falling).clamp_min(0)
