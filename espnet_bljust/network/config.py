"""Shapes and probabilities of the wav2vec 2.0 trunk and of the heads; the defaults are base with plain CTC.

Source: Baevski et al., arXiv:2006.11477, section 4.2; names of fairseq's options stand in brackets.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from math import inf, prod
from typing import Any, Self

from espnet_bljust.errors import InputError

BASE_EXTRACTOR = ((512, 10, 5), *((512, 3, 2),) * 4, *((512, 2, 2),) * 2)


class Options:
    """What all of these have in common."""

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> Self:
        """From YAML; an unknown key is an InputError with its name."""
        known = [option.name for option in fields(cls)]
        for name in options:
            if name not in known:
                raise InputError(f"{cls.__name__}: unknown key {name}. Known keys: {', '.join(known)}.")
        try:
            for option in fields(cls):
                _require_type(option, options.get(option.name, option.default))
            return cls(**options)
        except (TypeError, ValueError) as error:
            raise InputError(f"{cls.__name__}: {error}. Mend the value; see {cls.__module__}.") from error


def _require_type(option: Field, value: Any) -> None:
    """Whole numbers and switches are what they are called: 2.0 layers would fail late, and "false" is true."""
    wanted = {"int": (int, "a whole number"), "bool": (bool, "true or false")}.get(getattr(option.type, "__name__", ""))
    if wanted is not None and type(value) is not wanted[0]:
        raise ValueError(f"{option.name} is {value!r}, not {wanted[1]}")


def require(holds: bool, what: str) -> None:
    """ValueError where it does not hold."""
    if not holds:
        raise ValueError(what)


def require_shares(options: Options, *names: str) -> None:
    """Probabilities."""
    for name in names:
        require(0 <= getattr(options, name) < 1, f"{name} is {getattr(options, name)}, not in [0, 1)")


class TrunkOptions(Options):
    """What CPC asks of a trunk: the answers of one whose features see no padding and nothing far away."""

    @property
    def early_dim(self) -> int:
        """Width of the rows that CPC takes."""
        return self.feature_dim

    @property
    def edge_frames(self) -> int:
        """Frames at either end of an utterance whose features see padding: there is none."""
        return 0


@dataclass(frozen=True)
class TrunkConfig(TrunkOptions):
    """The part that both losses share: extractor, projection, positional convolution, transformer."""

    normalize: bool = False  # each utterance to mean 0 and variance 1 first, as Hugging Face (variance + 1e-7)
    conv_layers: tuple[tuple[int, int, int], ...] = BASE_EXTRACTOR  # (channels, kernel, stride) a layer
    extractor_norm: str = "group"  # in layer 0 alone, over an utterance's frames; "layer": in each, over channels
    conv_bias: bool = False
    extractor_init: str = "random"  # "random": Kaiming; "averaging": the same weight for all taps behind layer 0
    dim: int = 768
    num_layers: int = 12
    num_heads: int = 12
    ffn_dim: int = 3072
    pos_kernel: int = 128  # frames
    pos_groups: int = 16
    norm_first: bool = False  # layer norms before attention and feed-forward, as in wav2vec 2.0 large (lv60)
    dropout: float = 0.1  # behind attention, feed-forward and positional convolution
    attention_dropout: float = 0.1
    activation_dropout: float = 0.0  # inside the feed-forward
    projection_dropout: float = 0.1  # on the projected features [dropout_input]
    feature_dropout: float = 0.1  # on the features that the quantizer reads [dropout_features]
    layer_drop: float = 0.0  # probability that a layer is left out in a step
    checkpointing: bool = False  # keep a layer's input alone and compute the rest again: a third slower, less memory

    def __post_init__(self) -> None:
        object.__setattr__(self, "conv_layers", tuple(tuple(map(int, layer)) for layer in self.conv_layers))
        require(bool(self.conv_layers) and all(len(layer) == 3 and min(layer) > 0 for layer in self.conv_layers),
                 "conv_layers wants [channels, kernel, stride], positive numbers, for each layer")
        require(all(kernel >= stride for _, kernel, stride in self.conv_layers),
                 "conv_layers: a kernel smaller than its stride leaves samples unread")
        require(self.extractor_norm in ("group", "layer"),
                 f"extractor_norm is {self.extractor_norm!r}, not group or layer")
        require(self.extractor_init in ("random", "averaging"),
                 f"extractor_init is {self.extractor_init!r}, not random or averaging")
        require(min(self.dim, self.num_layers, self.num_heads, self.ffn_dim, self.pos_kernel, self.pos_groups) > 0,
                 "dim, num_layers, num_heads, ffn_dim, pos_kernel and pos_groups are positive")
        require(self.dim % self.num_heads == 0, f"dim {self.dim} is no multiple of num_heads {self.num_heads}")
        require(self.dim % self.pos_groups == 0, f"dim {self.dim} is no multiple of pos_groups {self.pos_groups}")
        require_shares(self, "dropout", "attention_dropout", "activation_dropout", "projection_dropout",
                       "feature_dropout", "layer_drop")

    def num_frames(self, num_samples: int) -> int:
        """Frames of an utterance; 0 where it is shorter than the receptive field."""
        for _, kernel, stride in self.conv_layers:
            num_samples = max(0, (num_samples - kernel) // stride + 1)
        return num_samples

    @property
    def receptive_field(self) -> int:
        """Samples that one frame sees: 400 (25 ms) in wav2vec 2.0."""
        samples = 1
        for _, kernel, stride in reversed(self.conv_layers):
            samples = (samples - 1) * stride + kernel
        return samples

    @property
    def hop(self) -> int:
        """Samples between frames: 320 (20 ms) in wav2vec 2.0."""
        return prod(stride for _, _, stride in self.conv_layers)

    @property
    def first_centre(self) -> int:
        """Sample in the middle of what the first frame sees."""
        return self.receptive_field // 2

    @property
    def feature_dim(self) -> int:
        """Width of the rows that the self-supervised head takes from the extractor."""
        return self.conv_layers[-1][0]

    @property
    def bytes_per_frame(self) -> int:
        """Activations of a training step, roughly.

        Fitted to peak memory of the tiny and small sizes on a CPU (bench/memory.py): within 10 % of what was seen.
        """
        return 165 * self.dim * self.num_layers + 565 * self.feature_dim


@dataclass(frozen=True)
class SSLConfig(Options):
    """Quantizer, contrastive loss, and the weights of its two companions."""

    groups: int = 2
    codes: int = 320  # a group
    latent_dim: int = 256  # of a quantized vector, all groups together
    final_dim: int = 256  # where similarities are taken
    temperature: float = 0.1  # κ of the contrastive softmax
    gumbel: tuple[float, float, float] = (2.0, 0.5, 0.999995)  # temperature: start, end, factor an update
    diversity_weight: float = 0.1
    penalty_weight: float = 10.0  # of the mean square of the extractor's output

    def __post_init__(self) -> None:
        object.__setattr__(self, "gumbel", tuple(map(float, self.gumbel)))
        require(min(self.groups, self.codes, self.latent_dim, self.final_dim) > 0,
                 "groups, codes, latent_dim and final_dim are positive")
        require(self.latent_dim % self.groups == 0,
                 f"latent_dim {self.latent_dim} is no multiple of groups {self.groups}")
        require(self.temperature > 0, f"temperature is {self.temperature}, not positive")
        require(len(self.gumbel) == 3 and min(self.gumbel) > 0, "gumbel wants [start, end, factor], positive numbers")
        require(self.gumbel[0] >= self.gumbel[1] and self.gumbel[2] <= 1, "gumbel falls: start >= end, factor <= 1")
        weights = self.diversity_weight, self.penalty_weight
        require(all(0 <= weight < inf for weight in weights), "diversity_weight and penalty_weight are not negative")
        require(self.codes**self.groups < 2**63, "codes to the power of groups is beyond 64 bits")


@dataclass(frozen=True)
class CPCConfig(Options):
    """Prediction of the future (cpc.py); the defaults are those of the published BL-JUST."""

    context_seconds: float = 2.0  # what the trunk hears
    future_seconds: float = 1.0  # what is predicted of its last frame
    final_dim: int = 256  # where similarities are taken
    temperature: float = 0.1  # κ

    def __post_init__(self) -> None:
        require(min(self.context_seconds, self.future_seconds) >= 0.1,
                "context_seconds and future_seconds are at least 0.1")
        require(self.final_dim > 0, f"final_dim is {self.final_dim}, not positive")
        require(self.temperature > 0, f"temperature is {self.temperature}, not positive")
