"""The convolution block of the GRU variant: six residual pairs of 3x3 convolutions, then self-attention over time.

    x += conv(gelu(conv(gelu(x))))  six times, x behind a layer norm over the bands;   x += attention(norm(x))
A block has 12 convolutions of 32 maps, attention of 32 maps and two norms over 40 bands: 115,360 parameters. That
count is the Wav2Vec2-JUST report's (docs/systems.md), which does not say how the parts are connected.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.network.log_mel_config import CnnRnnConfig
from espnet_bljust.network.packed.attention import attend
from espnet_bljust.network.packed.places import Places
from espnet_bljust.network.trunks.dropout import Dropout

PAIRS = 6
HEADS = 4


class ResidualBlock(nn.Module):
    """Keeps the shape of its input."""

    def __init__(self, config: CnnRnnConfig) -> None:
        super().__init__()
        maps, bands = config.maps, config.bands
        self.layer_norm = nn.LayerNorm(bands)
        self.convolutions = nn.ModuleList(nn.Conv2d(maps, maps, 3, padding=1) for _ in range(2 * PAIRS))
        self.attention_norm = nn.LayerNorm(bands)
        self.attention = MapAttention(maps)
        self.dropout = Dropout(config)

    def forward(self, x: Tensor, places: Places, lengths: list[int], keep: Tensor) -> Tensor:
        """x (map, place, band); keep (place, 1): zero between the utterances."""
        x = self.layer_norm(x)
        for first, second in zip(self.convolutions[::2], self.convolutions[1::2], strict=True):
            inner = self.dropout(F.gelu(first(F.gelu(x) * keep)))
            x = x + second(inner * keep)
        rows = places.collect(self.attention_norm(x).transpose(0, 1))  # (row, map, band)
        mixed = self.attention(rows.transpose(1, 2), lengths)
        return x + self.dropout(places.spread(mixed.transpose(1, 2)).transpose(0, 1))


class MapAttention(nn.Module):
    """Multi-head attention over the frames of an utterance, each band by itself."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(maps, maps) for _ in range(4))

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        """(row, band, map) -> (row, band, map)."""
        rows, bands, maps = x.shape
        sequences = [part.transpose(0, 1).flatten(0, 1) for part in x.split(lengths)]  # band by band
        x, counts = torch.cat(sequences), [length for length in lengths for _ in range(bands)]
        mixed = attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), query_counts=counts, key_counts=counts,
                       heads=HEADS, dropout=0.0)
        parts = self.out_proj(mixed).split([length * bands for length in lengths])
        return torch.cat([part.view(bands, -1, maps).transpose(0, 1) for part in parts])
