"""Shapes of the trunks that read log-mel features; the defaults are the published systems.

Sources: Saif et al., arXiv:2401.06980, and its public program, for the conformer (8 blocks of 512, 8 heads); the layer
ablation of the Wav2Vec2-JUST report for the CNN-RNN (docs/systems.md).
"""

from dataclasses import dataclass
from typing import ClassVar

from espnet_bljust.keys import key, require
from espnet_bljust.network.config import TrunkOptions

WINDOW, HOP = 400, 160  # samples of 16 kHz: 25 and 10 ms


def mel_frames(num_samples: int) -> int:
    """Windows that lie wholly in the audio."""
    return max(0, (num_samples - WINDOW) // HOP + 1)


@dataclass(frozen=True)
class CnnRnnConfig(TrunkOptions):
    """Convolutions over log-mel features, then recurrent layers in both directions (cnn_rnn.py)."""

    conf: ClassVar[str] = "trunk_conf of cnn_rnn"

    num_mels: int = key(80, "bands of the log-mel features", least=1)
    num_convolutions: int = key(3, "with attention: residual blocks behind the first convolution", least=1)
    maps: int = key(32, "of each convolution", least=1)
    attention: bool = key(False, "residual blocks with self-attention, and self-attention behind the recurrent layers")
    cell: str = key("lstm", "of the recurrent layers", choices=("lstm", "gru"))
    num_layers: int = key(5, "recurrent layers, each in both directions", least=1)
    hidden: int = key(256, "units a direction", least=1)
    dim: int = key(512, "width of what the recurrent layers read, and of the trunk's output", least=1)
    dropout: float = key(0.1, "behind convolutions and recurrent layers", least=0, below=1)
    feature_dropout: float = key(0.0, "on the features that the self-supervised head reads", least=0, below=1)

    def check(self) -> None:
        require(not self.attention or self.maps % 4 == self.hidden % 4 == 0,
                f"maps {self.maps} and hidden {self.hidden}: attention wants multiples of 4")

    def num_frames(self, num_samples: int) -> int:
        """Frames of an utterance; 0 where it is shorter than one window."""
        return -(-mel_frames(num_samples) // 2)

    @property
    def receptive_field(self) -> int:
        """Samples that the first frame needs."""
        return WINDOW

    @property
    def hop(self) -> int:
        """Samples between frames: 20 ms."""
        return 2 * HOP

    @property
    def first_centre(self) -> int:
        """Sample in the middle of what the first frame stands for."""
        return WINDOW // 2

    @property
    def bands(self) -> int:
        """Of the maps: the first convolution has stride 2."""
        return -(-self.num_mels // 2)

    @property
    def feature_dim(self) -> int:
        """Width of the rows that the self-supervised head takes."""
        return self.dim

    @property
    def early_dim(self) -> int:
        """Width of the rows that CPC takes: with attention those behind the first convolution."""
        return self.maps * self.bands if self.attention else self.feature_dim

    @property
    def edge_frames(self) -> int:
        """Frames at either end of an utterance where the rows that CPC takes see the convolutions' padding."""
        return 1 if self.attention else self.num_convolutions

    @property
    def bytes_per_frame(self) -> int:
        """Activations of a training step, roughly."""
        convolutions = self.maps * self.bands * (150 if self.attention else 12) * self.num_convolutions
        return 4 * (convolutions + 2 * self.hidden * 10 * self.num_layers)


@dataclass(frozen=True)
class ConformerConfig(TrunkOptions):
    """Subsampling of log-mel features, then conformer blocks (conformer.py)."""

    conf: ClassVar[str] = "trunk_conf of conformer"

    num_mels: int = key(80, "bands of the log-mel features; subsampling by 4 needs 7, by 8 needs 15", least=7)
    subsampling: str = key("dense", "its convolutions; depthwise, of the Fast Conformer, has far fewer products",
                           choices=("dense", "depthwise"))
    subsampling_factor: int = key(4, "log-mel frames a row, 4 or 8: a row every 40 or 80 ms", unit="frames", least=4)
    subsampling_channels: int = key(0, "maps of its convolutions; 0: dim", least=0)
    dim: int = key(512, "width of the blocks and of the trunk's output", least=1)
    num_layers: int = key(8, "conformer blocks", least=1)
    num_heads: int = key(8, "heads of attention; dim is an even multiple of them", least=1)
    ffn_dim: int = key(2048, "width inside the feed-forwards", least=1)
    kernel: int = key(31, "of the depthwise convolution, odd", unit="frames", least=1)
    dropout: float = key(0.1, "behind subsampling, feed-forwards, attention and convolution", least=0, below=1)
    attention_dropout: float = key(0.1, "on the weights of attention", least=0, below=1)
    feature_dropout: float = key(0.0, "on the features that the self-supervised head reads", least=0, below=1)

    def check(self) -> None:
        require(self.dim % (2 * self.num_heads) == 0,
                f"dim {self.dim} is no even multiple of num_heads {self.num_heads}")
        require(self.kernel % 2 == 1, f"kernel is {self.kernel}, not odd")
        require(self.subsampling_factor in (4, 8), f"subsampling_factor is {self.subsampling_factor}, not 4 or 8")
        require(self.bands > 0, f"num_mels {self.num_mels}: subsampling by {self.subsampling_factor} needs "
                f"{2 * self.subsampling_factor - 1}")

    @property
    def num_halvings(self) -> int:
        """Convolutions of stride 2."""
        return self.subsampling_factor.bit_length() - 1

    @property
    def maps(self) -> int:
        """Of the subsampling."""
        return self.subsampling_channels or self.dim

    def num_frames(self, num_samples: int) -> int:
        """Frames of an utterance; 0 where it is shorter than the receptive field."""
        return max(0, _halved(mel_frames(num_samples), self.num_halvings))

    @property
    def receptive_field(self) -> int:
        """Samples that one frame sees: 7 windows, 85 ms; 15 windows, 165 ms, of eight-fold subsampling."""
        return 2 * (self.subsampling_factor - 1) * HOP + WINDOW

    @property
    def hop(self) -> int:
        """Samples between frames: 40 or 80 ms."""
        return self.subsampling_factor * HOP

    @property
    def first_centre(self) -> int:
        """Sample in the middle of what the first frame sees."""
        return self.receptive_field // 2

    @property
    def bands(self) -> int:
        """Behind the subsampling's convolutions."""
        return _halved(self.num_mels, self.num_halvings)

    @property
    def feature_dim(self) -> int:
        """Width of the rows that the self-supervised head takes."""
        return self.dim

    @property
    def bytes_per_frame(self) -> int:
        """Activations of a training step, roughly."""
        front = sum(self.subsampling_factor // 2**halvings * _halved(self.num_mels, halvings)
                    for halvings in range(1, self.num_halvings + 1))  # values a map
        return 4 * (5 * self.maps * front // 2 + self.num_layers * (4 * self.ffn_dim + 40 * self.dim))


def _halved(length: int, times: int) -> int:
    """Behind so many convolutions of three taps and stride 2."""
    for _ in range(times):
        length = (length - 1) // 2
    return length
