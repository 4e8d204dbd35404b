"""The trunk that both losses share (theta): wav2vec 2.0 from samples to hidden frames, over packed utterances.

State-dict names and values are those of torchaudio's Wav2Vec2Model, beside `mask_embedding`.
Source: Baevski et al., arXiv:2006.11477, section 2.
"""

import torch
from torch import Tensor, nn

from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.packed.packing import Features, Wanted, hide
from espnet_bljust.network.trunks.extractor import FeatureExtractor
from espnet_bljust.network.trunks.transformer import Transformer


class FeatureProjection(nn.Module):
    """From the extractor's channels to the transformer's."""

    def __init__(self, in_dim: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(in_dim)
        self.projection = nn.Linear(in_dim, dim)
        self.dropout = nn.Dropout(dropout)


class Encoder(nn.Module):
    """Holds projection and transformer under torchaudio's names."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.feature_projection = FeatureProjection(config.conv_layers[-1][0], config.dim, config.projection_dropout)
        self.transformer = Transformer(config)


class Trunk(nn.Module):
    """extract, then encode: the self-supervised loss needs what lies between."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_embedding = nn.Parameter(torch.empty(config.dim).uniform_())
        self.feature_extractor = FeatureExtractor(config)
        self.encoder = Encoder(config)

    def extract(self, waves: list[Tensor]) -> Features:
        """waves: (sample,) at 16 kHz each, in [-1, 1] -> normalised features, one row every 20 ms."""
        if self.config.normalize:
            waves = [(wave - wave.mean()) * (wave.var(correction=0) + 1e-7).rsqrt() for wave in waves]  # their constant
        rows, lengths = self.feature_extractor(waves)
        penalty = rows.square().mean(1)
        return Features(self.encoder.feature_projection.layer_norm(rows), penalty, lengths)

    def encode(self, features: Features, *, mask: Tensor | None = None, want: Tensor | None = None) -> Tensor:
        """Hidden frames, (row, dim); of the rows of ``want`` only, in order, where it is given.

        mask, want: (row,) bool, best on the CPU. Masked rows are hidden from the transformer behind the mask embedding.
        """
        projection = self.encoder.feature_projection
        x = projection.dropout(projection.projection(features.rows))
        x = hide(x, mask, self.mask_embedding)
        wanted = None if want is None else Wanted.of(want, features.lengths, x.device)
        return self.encoder.transformer(x, features.lengths, wanted)
