"""The CNN-RNN acoustic model as a trunk: log-mel features, convolutions, recurrent layers in both directions.

    first convolution 3x3, 32 maps, of stride 2 in time and bands: a frame every 20 ms; more of them, or with
    `attention` residual blocks; a linear layer; R layers of norm, GELU, LSTM or GRU, dropout; with `attention`
    self-attention over the utterance; a linear layer with GELU.
Between extract and encode lies the norm of the first recurrent layer: what the self-supervised head reads, and what a
mask hides. Sources: Saif et al., arXiv:2401.06980, section 4; the shape of the GRU variant: docs/systems.md.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from espnet_bljust.network.log_mel_config import CnnRnnConfig
from espnet_bljust.network.packed.attention import attend
from espnet_bljust.network.packed.packing import Features, frames_of, hide, silence
from espnet_bljust.network.packed.places import Places
from espnet_bljust.network.trunks.dropout import Dropout
from espnet_bljust.network.trunks.log_mel import LogMel, SpectrumMask
from espnet_bljust.network.trunks.residual_block import ResidualBlock

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}
HEADS = 4  # of the self-attention behind the recurrent layers


class Convolutions(nn.Module):
    """From log-mel features to rows of all maps and bands."""

    def __init__(self, config: CnnRnnConfig) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, config.maps, 3, stride=2, padding=1)
        if config.attention:
            others = [ResidualBlock(config) for _ in range(config.num_convolutions)]
        else:
            others = [PlainConvolution(config) for _ in range(config.num_convolutions - 1)]
        self.others = nn.ModuleList(others)

    def forward(self, mel: Tensor, lengths: list[int]) -> tuple[Tensor, Tensor, list[int]]:
        """(mel frame, mel) -> (row, map * band), the same behind the first convolution, and the rows of each utterance.

        There is a row for two mel frames.
        """
        slots = [-(-length // 2) + 1 for length in lengths]  # a frame of zeros behind each utterance
        x = Places.of(lengths, [2 * slot for slot in slots], mel.device).spread(mel)
        x = self.first(x[None, None])[0]  # (map, place, band)
        halves = [slot - 1 for slot in slots]
        places = Places.of(halves, slots, mel.device)
        keep = places.spread(x.new_ones(sum(halves), 1))
        first = places.collect(x.transpose(0, 1)).flatten(1)
        for layer in self.others:
            x = layer(x, places, halves, keep)
        return F.gelu(places.collect(x.transpose(0, 1)).flatten(1)), first, halves


class PlainConvolution(nn.Module):
    """GELU, dropout, convolution."""

    def __init__(self, config: CnnRnnConfig) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(config.maps, config.maps, 3, padding=1)
        self.dropout = Dropout(config)

    def forward(self, x: Tensor, places: Places, lengths: list[int], keep: Tensor) -> Tensor:
        """x (map, place, band); keep (place, 1): zero between the utterances."""
        return self.convolution(self.dropout(F.gelu(x)) * keep)


class RecurrentLayer(nn.Module):
    """Norm, GELU, both directions, dropout; the norm is a step of its own."""

    def __init__(self, in_dim: int, config: CnnRnnConfig) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(in_dim)
        self.cell = CELLS[config.cell](in_dim, config.hidden, bidirectional=True)
        self.dropout = Dropout(config)

    def forward(self, x: Tensor, batch_sizes: Tensor) -> Tensor:
        """x (row, in_dim) behind the norm, in torch's packed order -> (row, 2 * hidden)."""
        return self.dropout(self.cell(PackedSequence(F.gelu(x), batch_sizes))[0].data)


class UtteranceAttention(nn.Module):
    """Self-attention over an utterance, added to its input."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(dim, dim, bias=False) for _ in range(3))

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        """(row, dim) -> (row, dim)."""
        return x + attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), query_counts=lengths, key_counts=lengths,
                          heads=HEADS, dropout=0.0)


class CnnRnnTrunk(nn.Module):
    """extract, then encode, as every trunk."""

    def __init__(self, config: CnnRnnConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_embedding = nn.Parameter(torch.empty(config.dim).uniform_())
        self.log_mel = LogMel(config.num_mels)
        self.convolutions = Convolutions(config)
        self.projection = nn.Linear(config.maps * config.bands, config.dim)
        widths = [config.dim, *[2 * config.hidden] * (config.num_layers - 1)]
        self.layers = nn.ModuleList(RecurrentLayer(width, config) for width in widths)
        self.attention = UtteranceAttention(2 * config.hidden) if config.attention else None
        self.output = nn.Linear(2 * config.hidden, config.dim)
        self.dropout = Dropout(config)

    @property
    def extractor(self) -> nn.Module:
        """What rests where a step says that the extractor does."""
        return self.convolutions

    def extract(
        self, waves: list[Tensor], *, spectrum: SpectrumMask | None = None, rests: bool = False
    ) -> Features:
        """waves: (sample,) at 16 kHz each -> normalised features, one row every 20 ms.

        spectrum: what is hidden of the first utterances; rests: the convolutions get no gradient.
        """
        frames_of(waves, self.config)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not rests):
            rows, first, lengths = self.convolutions(*self.log_mel(waves, spectrum))
        rows = self.projection(rows)
        early = F.gelu(first) if self.config.attention else None
        return Features(self.layers[0].layer_norm(rows), rows.square().mean(1), lengths, early)

    def encode(
        self, features: Features, *, mask: Tensor | None = None, want: Tensor | None = None,
        channels: Tensor | None = None, tap: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """Hidden frames, (row, dim); of the rows of ``want`` only, in order, where it is given.

        channels: (utterance, dim) of the first utterances, behind 0. ``tap`` is called behind each layer but the last
        with its number, from 1, and what it gives for all rows, as hidden frames are.
        """
        x = silence(hide(features.rows, mask, self.mask_embedding), features.lengths, channels)
        order = pack_sequence(torch.arange(len(x)).split(features.lengths), enforce_sorted=False)  # frame by frame
        index = order.data.to(x.device, non_blocking=True)
        x = x.index_select(0, index)
        for number, layer in enumerate(self.layers):
            x = layer(layer.layer_norm(x) if number else x, order.batch_sizes)
            if tap is not None and number + 1 < len(self.layers):  # without the attention over the last one's output
                tap(number + 1, self._out(torch.empty_like(x).index_copy(0, index, x)))
        x = torch.empty_like(x).index_copy(0, index, x)
        if self.attention is not None:
            x = self.attention(x, features.lengths)
        if want is not None:
            x = x.index_select(0, want.cpu().nonzero()[:, 0].to(x.device, non_blocking=True))
        return self._out(x)

    def _out(self, x: Tensor) -> Tensor:
        """(row, 2 * hidden) -> (row, dim)."""
        return F.gelu(self.output(self.dropout(x)))
