"""Shapes and probabilities of the wav2vec 2.0 trunk and of the heads; the defaults are base with plain CTC.

Source: Baevski et al., arXiv:2006.11477, section 4.2; names of fairseq's options stand in brackets.
"""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from espnet_bljust.keys import Group, key, require

BASE_EXTRACTOR = ((512, 10, 5), *((512, 3, 2),) * 4, *((512, 2, 2),) * 2)


@dataclass(frozen=True)
class TrunkOptions(Group):
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

    conf: ClassVar[str] = "trunk_conf of wav2vec2"

    normalize: bool = key(False, "each utterance to mean 0 and variance 1 first, as Hugging Face (variance + 1e-7)")
    conv_layers: tuple[tuple[int, int, int], ...] = key(
        BASE_EXTRACTOR, "of the extractor: channels, kernel and stride a layer", least=1)
    extractor_norm: str = key("group", "group: in layer 0, over an utterance's frames; layer: in each, over channels",
                              choices=("group", "layer"))
    conv_bias: bool = key(False, "the extractor's convolutions have biases")
    extractor_init: str = key("random", "random: Kaiming; averaging: one weight for all taps behind layer 0",
                              choices=("random", "averaging"))
    dim: int = key(768, "width of the trunk's output", least=1)
    num_layers: int = key(12, "transformer layers", least=1)
    num_heads: int = key(12, "heads of attention; they divide dim", least=1)
    ffn_dim: int = key(3072, "width inside the feed-forward", least=1)
    pos_kernel: int = key(128, "of the positional convolution", unit="frames", least=1)
    pos_groups: int = key(16, "of the positional convolution; they divide dim", least=1)
    norm_first: bool = key(False, "layer norms before attention and feed-forward, as in wav2vec 2.0 large (lv60)")
    dropout: float = key(0.1, "behind attention, feed-forward and positional convolution", least=0, below=1)
    attention_dropout: float = key(0.1, "on the weights of attention", least=0, below=1)
    activation_dropout: float = key(0.0, "inside the feed-forward", least=0, below=1)
    projection_dropout: float = key(0.1, "on the projected features [dropout_input]", least=0, below=1)
    feature_dropout: float = key(0.1, "on the features that the quantizer reads [dropout_features]", least=0, below=1)
    layer_drop: float = key(0.0, "probability that a layer is left out in a step", least=0, below=1)
    checkpointing: bool = key(False, "keep a layer's input alone, compute the rest again: a third slower, less memory")

    def check(self) -> None:
        require(bool(self.conv_layers), "conv_layers is empty: it wants [channels, kernel, stride] for each layer")
        require(all(kernel >= stride for _, kernel, stride in self.conv_layers),
                "conv_layers: a kernel smaller than its stride leaves samples unread")
        require(self.dim % self.num_heads == 0, f"dim {self.dim} is no multiple of num_heads {self.num_heads}")
        require(self.dim % self.pos_groups == 0, f"dim {self.dim} is no multiple of pos_groups {self.pos_groups}")

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
class SSLConfig(Group):
    """Quantizer, contrastive loss, and the weights of its two companions."""

    conf: ClassVar[str] = "ssl_conf"

    groups: int = key(2, "of the quantizer", least=1)
    codes: int = key(320, "in each group of the quantizer", least=1)
    latent_dim: int = key(256, "of a quantized vector, all groups together", least=1)
    final_dim: int = key(256, "where similarities are taken", least=1)
    temperature: float = key(0.1, "κ of the contrastive softmax", above=0)
    gumbel: tuple[float, float, float] = key(
        (2.0, 0.5, 0.999995), "temperature of the quantizer: start, end, factor an update", above=0)
    diversity_weight: float = key(0.1, "of the loss that keeps all codes in use", least=0)
    penalty_weight: float = key(10.0, "of the mean square of the extractor's output", least=0)

    def check(self) -> None:
        require(self.latent_dim % self.groups == 0,
                f"latent_dim {self.latent_dim} is no multiple of groups {self.groups}")
        require(self.gumbel[0] >= self.gumbel[1] and self.gumbel[2] <= 1, "gumbel falls: start >= end, factor <= 1")
        require(self.codes**self.groups < 2**63, "codes to the power of groups is beyond 64 bits")


@dataclass(frozen=True)
class CPCConfig(Group):
    """Prediction of the future (cpc.py); the defaults are those of the published BL-JUST."""

    conf: ClassVar[str] = "cpc_conf"

    context_seconds: float = key(2.0, "what the trunk hears", unit="seconds", least=0.1)
    future_seconds: float = key(1.0, "what is predicted of its last frame", unit="seconds", least=0.1)
    final_dim: int = key(256, "where similarities are taken", least=1)
    temperature: float = key(0.1, "κ", above=0)
