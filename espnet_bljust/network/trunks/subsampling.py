"""Four or eight log-mel frames to one row: convolutions of stride 2 over frames and bands, then a linear layer.

dense: each convolution over all maps; Conv2dSubsampling and Conv2dSubsampling8 of ESPnet, with its parameter names.
depthwise: behind the first, each is a convolution of every map by itself and a product over the maps, without a
nonlinearity between them. Source: Rekesh et al., Fast Conformer, arXiv:2305.05084, section 2; names as in NeMo.
No convolution pads: a row reads 7 frames (15 of eight-fold subsampling) that all lie in its utterance.
"""

from torch import Tensor, nn

from espnet_bljust.network.log_mel_config import ConformerConfig
from espnet_bljust.network.packed.places import Places


class Subsampling(nn.Module):
    """No utterance's row reads another's frames."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        maps, self.factor = config.maps, config.subsampling_factor
        layers: list[nn.Module] = [nn.Conv2d(1, maps, 3, 2), nn.ReLU()]
        for _ in range(config.num_halvings - 1):
            if config.subsampling == "depthwise":
                layers += [nn.Conv2d(maps, maps, 3, 2, groups=maps), nn.Conv2d(maps, maps, 1), nn.ReLU()]
            else:
                layers += [nn.Conv2d(maps, maps, 3, 2), nn.ReLU()]
        self.conv = nn.Sequential(*layers)
        self.out = nn.Linear(maps * config.bands, config.dim)

    def forward(self, mel: Tensor, mel_lengths: list[int], lengths: list[int]) -> Tensor:
        """(mel frame, mel) -> (row, dim)."""
        slots = [-(-length // self.factor) for length in mel_lengths]
        x = Places.of(mel_lengths, [self.factor * slot for slot in slots], mel.device).spread(mel)
        x = self.conv(x[None, None])[0].transpose(0, 1)  # (place, map, band)
        return self.out(Places.of(lengths, slots, mel.device).collect(x).flatten(1))
