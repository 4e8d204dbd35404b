"""The trunk that both losses share (theta): wav2vec 2.0 from samples to hidden frames, over packed utterances.

State-dict names and values are those of torchaudio's Wav2Vec2Model, beside `mask_embedding`.
Source: Baevski et al., arXiv:2006.11477, section 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.packed.packing import Features, Wanted, hide, silence
from espnet_bljust.network.trunks.dropout import Dropout
from espnet_bljust.network.trunks.extractor import FeatureExtractor
from espnet_bljust.network.trunks.transformer import Transformer


class FeatureProjection(nn.Module):
    """From the extractor's channels to the transformer's."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.feature_dim)
        self.projection = nn.Linear(config.feature_dim, config.dim)
        self.dropout = Dropout(config, "projection_dropout")


class Encoder(nn.Module):
    """Holds projection and transformer under torchaudio's names."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.feature_projection = FeatureProjection(config)
        self.transformer = Transformer(config)


class Trunk(nn.Module):
    """extract, then encode: the self-supervised loss needs what lies between."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_embedding = nn.Parameter(torch.empty(config.dim).uniform_())
        self.feature_extractor = FeatureExtractor(config)
        self.encoder = Encoder(config)

    @property
    def extractor(self) -> nn.Module:
        """What rests where a step says that the extractor does."""
        return self.feature_extractor

    def extract(self, waves: list[Tensor], *, rests: bool = False) -> Features:
        """waves: (sample,) at 16 kHz each, in [-1, 1] -> normalised features, one row every 20 ms.

        rests: the extractor gets no gradient.
        """
        if self.config.normalize:
            waves = [(wave - wave.mean()) * (wave.var(correction=0) + 1e-7).rsqrt() for wave in waves]  # their constant
        with torch.set_grad_enabled(torch.is_grad_enabled() and not rests):
            rows, lengths = self.feature_extractor(waves)
        penalty = rows.square().mean(1)
        return Features(self.encoder.feature_projection.layer_norm(rows), penalty, lengths)

    def encode(
        self, features: Features, *, mask: Tensor | None = None, want: Tensor | None = None,
        channels: Tensor | None = None, tap: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """Hidden frames, (row, dim); of the rows of ``want`` only, in order, where it is given.

        mask, want: (row,) bool, best on the CPU. Masked rows are hidden from the transformer behind the mask embedding,
        ``channels`` (utterance, dim) of the first utterances behind 0, in masked rows too. ``tap`` is called behind
        each layer but the last with its number, from 1, and what it gives for all rows, as hidden frames are.
        """
        projection = self.encoder.feature_projection
        x = projection.dropout(projection.projection(features.rows))
        x = silence(hide(x, mask, self.mask_embedding), features.lengths, channels)
        wanted = None if want is None else Wanted.of(want, features.lengths, x.device)
        return self.encoder.transformer(x, features.lengths, wanted, tap)
