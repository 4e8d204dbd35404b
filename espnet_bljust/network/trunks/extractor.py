"""The convolutional feature extractor over packed audio: 16 kHz samples to one frame every 20 ms.

An utterance is normalised over its own frames, so that its features do not depend on the batch it is in
(a padded batch would average the group norm over the padding).
The whole batch is one sequence: each utterance begins at a multiple of the total stride (320 samples), so that its
frames never look into its neighbour.
Source: Baevski et al., arXiv:2006.11477, section 2. Parameter names are those of torchaudio's FeatureExtractor.
"""

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.packed.folded_norm import folded_weights
from espnet_bljust.network.packed.packed_convolution import PackedConvolution
from espnet_bljust.network.packed.packing import frames_of


class ConvLayer(nn.Module):
    """Convolution, layer norm over channels where there is one, GELU. A group norm is folded into its convolution."""

    def __init__(self, in_channels: int, shape: tuple[int, int, int], *, bias: bool, norm: nn.Module | None) -> None:
        super().__init__()
        channels, kernel, stride = shape
        self.layer_norm = norm
        self.conv = nn.Conv1d(in_channels, channels, kernel, stride, bias=bias)
        nn.init.kaiming_normal_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        """x: (1, channel, time)."""
        x = self.conv(x)
        if isinstance(self.layer_norm, nn.LayerNorm):
            x = self.layer_norm(x.transpose(1, 2)).transpose(1, 2)
        return F.gelu(x)


class FeatureExtractor(nn.Module):
    """Seven convolutions in wav2vec 2.0; any list of (channels, kernel, stride)."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config = config
        layers, in_channels = [], 1
        for index, shape in enumerate(config.conv_layers):
            norm = None
            if config.extractor_norm == "layer":
                norm = nn.LayerNorm(shape[0])
            elif index == 0:
                norm = nn.GroupNorm(shape[0], shape[0])
            layers.append(ConvLayer(in_channels, shape, bias=config.conv_bias, norm=norm))
            in_channels = shape[0]
        self.conv_layers = nn.ModuleList(layers)
        if config.extractor_init == "averaging":
            for layer in self.conv_layers[1:]:
                _average_over_taps(layer.conv.weight)

    def forward(self, waves: list[Tensor]) -> tuple[Tensor, list[int]]:
        """waves: (sample,) each -> (row, channel) and the rows of each utterance."""
        lengths = frames_of(waves, self.config)
        _, kernels, strides = zip(*self.config.conv_layers, strict=True)
        slots = [-(-len(wave) // prod(strides)) for wave in waves]  # frames from an utterance's begin to the next's
        samples = [F.pad(wave, (0, slot * prod(strides) - len(wave))) for wave, slot in zip(waves, slots, strict=True)]
        tails = [kernel - stride for kernel, stride in zip(kernels, strides, strict=True)] + [0]  # read beyond the end
        by_products = self.config.extractor_norm == "group" and not self.config.conv_bias and waves[0].is_cpu
        rows = (self._products if by_products else self._convolutions)(waves, samples, tails)
        parts = rows.split([size for slot, length in zip(slots, lengths, strict=True)
                            for size in (length, slot - length)])
        return torch.cat(parts[::2]), lengths

    def _convolutions(self, waves: list[Tensor], samples: list[Tensor], tails: list[int]) -> Tensor:
        """torch's convolutions over the one sequence, (1, channel, time) between them."""
        first, *others = self.conv_layers
        if self.config.extractor_norm == "layer":
            x, others = torch.cat(samples)[None, None], self.conv_layers
        else:
            folded = folded_weights(waves, first.conv, first.layer_norm)  # (utterance, channel, tap and bias)
            x = torch.cat([
                F.conv1d(F.pad(sample, (0, tails[0]))[None, None], taps[:, None, :-1], taps[:, -1], first.conv.stride)
                for sample, taps in zip(samples, folded, strict=True)], 2)
            x, tails = F.gelu(x), tails[1:]
        for layer, tail in zip(others, tails[:-1], strict=True):
            x = layer(F.pad(x, (0, tail)))
        return x[0].t()

    def _products(self, waves: list[Tensor], samples: list[Tensor], tails: list[int]) -> Tensor:
        """Matrix products over rows, for a CPU: no convolution unfolds, transposes or pads anything."""
        first, *others = self.conv_layers
        kernel, stride = first.conv.kernel_size[0], first.conv.stride[0]
        windows = F.pad(torch.cat(samples), (0, tails[0])).unfold(0, kernel, stride)  # (row, kernel)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else windows.dtype
        x = F.pad(windows, (0, 1), value=1.0).to(dtype)  # a column of ones meets the bias
        segments = [len(sample) // stride for sample in samples]
        folded = folded_weights(waves, first.conv, first.layer_norm)
        x = PackedConvolution.apply(x, folded.to(dtype), segments, 1, tails[1], False)
        rows = sum(segments)
        for layer, tail in zip(others, tails[2:], strict=True):
            rows //= layer.conv.stride[0]
            weight = layer.conv.weight.transpose(1, 2).flatten(1)  # (out, kernel * channel)
            x = PackedConvolution.apply(x, weight[None].to(dtype), [rows], layer.conv.stride[0], tail, True)
        return F.gelu(x)


@torch.no_grad()
def _average_over_taps(weight: Tensor) -> None:
    """Start as a mean over time of randomly mixed channels; weight (channel out, channel in, tap).

    Randomly drawn taps give features that turn with the phase of the signal: the code of a frame says nothing of its
    neighbour's (10 % equal on speech, against 60 % with a mean), and prediction stays at chance for thousands of steps.
    """
    channels, taps = weight.shape[1], weight.shape[2]
    weight.copy_((torch.randn_like(weight[:, :, :1]) * (2 / channels) ** 0.5 / taps).expand_as(weight))
