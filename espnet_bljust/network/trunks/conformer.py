"""The conformer as a trunk: log-mel features, subsampling to a frame every 40 or 80 ms, conformer blocks.

A block: half a feed-forward, attention with relative positions, convolution, half a feed-forward, norm.
The norm inside the convolution is a layer norm and not a batch norm, so that an utterance is the same in any batch and
micro-batches add up to a batch. Between extract and encode lies a layer norm: what the self-supervised head reads.
Source: Gulati et al., arXiv:2005.08100, section 2. Parameter names are ESPnet's.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.network.log_mel_config import ConformerConfig
from espnet_bljust.network.packed.depthwise import depthwise
from espnet_bljust.network.packed.packing import Features, frames_of, hide, silence
from espnet_bljust.network.packed.places import Places
from espnet_bljust.network.trunks.dropout import Dropout
from espnet_bljust.network.trunks.log_mel import LogMel, SpectrumMask
from espnet_bljust.network.trunks.relative_attention import RelativeAttention, Squares, relative_sinusoids
from espnet_bljust.network.trunks.subsampling import Subsampling


class FeedForward(nn.Module):
    """Two linear layers with a swish between them."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        self.w_1 = nn.Linear(config.dim, config.ffn_dim)
        self.w_2 = nn.Linear(config.ffn_dim, config.dim)
        self.dropout = Dropout(config)

    def forward(self, x: Tensor) -> Tensor:
        """(row, dim) -> (row, dim)."""
        return self.w_2(self.dropout(F.silu(self.w_1(x))))


class ConvolutionModule(nn.Module):
    """Gated linear unit, depthwise convolution over the frames of an utterance, norm, swish."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        dim = config.dim
        self.pointwise_conv1 = nn.Conv1d(dim, 2 * dim, 1)
        self.depthwise_conv = nn.Conv1d(dim, dim, config.kernel, padding=config.kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.pointwise_conv2 = nn.Conv1d(dim, dim, 1)

    def forward(self, x: Tensor, apart: Places) -> Tensor:
        """(row, dim) -> (row, dim); ``apart``: half a kernel of zeros between the utterances."""
        x = F.glu(F.linear(x, self.pointwise_conv1.weight[..., 0], self.pointwise_conv1.bias))
        x = apart.collect(depthwise(apart.spread(x), self.depthwise_conv.weight, self.depthwise_conv.bias))
        return F.linear(F.silu(self.norm(x)), self.pointwise_conv2.weight[..., 0], self.pointwise_conv2.bias)


class ConformerLayer(nn.Module):
    """Each part behind a norm, with a residual."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        self.feed_forward_macaron, self.feed_forward = FeedForward(config), FeedForward(config)
        self.self_attn = RelativeAttention(config.dim, config.num_heads, config.attention_dropout)
        self.conv_module = ConvolutionModule(config)
        self.norm_ff_macaron, self.norm_mha, self.norm_conv, self.norm_ff, self.norm_final = (
            nn.LayerNorm(config.dim) for _ in range(5))
        self.dropout = Dropout(config)

    def forward(self, x: Tensor, apart: Places, squares: Squares, position: Tensor) -> Tensor:
        """(row, dim) -> (row, dim)."""
        x = x + 0.5 * self.dropout(self.feed_forward_macaron(self.norm_ff_macaron(x)))
        x = x + self.dropout(self.self_attn(self.norm_mha(x), squares, position))
        x = x + self.dropout(self.conv_module(self.norm_conv(x), apart))
        x = x + 0.5 * self.dropout(self.feed_forward(self.norm_ff(x)))
        return self.norm_final(x)


class ConformerTrunk(nn.Module):
    """extract, then encode, as every trunk."""

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_embedding = nn.Parameter(torch.empty(config.dim).uniform_())
        self.log_mel = LogMel(config.num_mels)
        self.embed = Subsampling(config)
        self.layer_norm = nn.LayerNorm(config.dim)
        self.dropout = Dropout(config)
        self.encoders = nn.ModuleList(ConformerLayer(config) for _ in range(config.num_layers))

    @property
    def extractor(self) -> nn.Module:
        """What rests where a step says that the extractor does."""
        return self.embed

    def extract(
        self, waves: list[Tensor], *, spectrum: SpectrumMask | None = None, rests: bool = False
    ) -> Features:
        """waves: (sample,) at 16 kHz each -> normalised features, one row a hop.

        spectrum: what is hidden of the first utterances; rests: the subsampling gets no gradient.
        """
        lengths = frames_of(waves, self.config)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not rests):
            rows = self.embed(*self.log_mel(waves, spectrum), lengths)
        return Features(self.layer_norm(rows), rows.square().mean(1), lengths)

    def encode(
        self, features: Features, *, mask: Tensor | None = None, want: Tensor | None = None,
        channels: Tensor | None = None, tap: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """Hidden frames, (row, dim); of the rows of ``want`` only, in order, where it is given.

        channels: (utterance, dim) of the first utterances, behind 0. ``tap`` is called behind each layer but the last
        with its number, from 1, and what it gives for all rows, as hidden frames are.
        """
        lengths = features.lengths
        x = self.dropout(silence(hide(features.rows, mask, self.mask_embedding), lengths, channels))
        apart = Places.of(lengths, [length + self.config.kernel // 2 for length in lengths], x.device)
        squares, position = Squares.of(lengths, x.device), relative_sinusoids(max(lengths), self.config.dim, x)
        position = self.dropout(position)
        for number, layer in enumerate(self.encoders, 1):
            x = layer(x, apart, squares, position)
            if tap is not None and number < len(self.encoders):
                tap(number, x)
        return x if want is None else x.index_select(0, want.cpu().nonzero()[:, 0].to(x.device, non_blocking=True))
