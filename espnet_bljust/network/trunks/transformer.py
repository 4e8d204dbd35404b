"""The transformer over packed frames: attention within each utterance, everything else row by row.

Post-norm as in wav2vec 2.0 base, or pre-norm (`norm_first`). Parameter names are those of torchaudio's Wav2Vec2Model.
Source: Baevski et al., arXiv:2006.11477, section 2; layer drop: Fan et al., arXiv:1909.11556.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.packed.attention import attend
from espnet_bljust.network.packed.gelu_linear import GeluLinear
from espnet_bljust.network.packed.packing import Wanted
from espnet_bljust.network.trunks.dropout import Dropout
from espnet_bljust.network.trunks.positional import PositionalConvolution


class SelfAttention(nn.Module):
    """Multi-head attention; queries of some rows only where ``wanted`` is given."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.heads, self.attention_dropout = config.num_heads, config.attention_dropout
        self.k_proj, self.v_proj, self.q_proj, self.out_proj = (nn.Linear(config.dim, config.dim) for _ in range(4))

    def forward(self, x: Tensor, lengths: list[int], wanted: Wanted | None = None) -> Tensor:
        """(row, dim) -> (row or wanted row, dim)."""
        rows, counts = (x, lengths) if wanted is None else (x.index_select(0, wanted.rows), wanted.counts)
        mixed = attend(self.q_proj(rows), self.k_proj(x), self.v_proj(x), query_counts=counts, key_counts=lengths,
                       heads=self.heads, dropout=self.attention_dropout if self.training else 0.0)
        return self.out_proj(mixed)


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(config.dim, config.ffn_dim)
        self.intermediate_dropout = Dropout(config, "activation_dropout")
        self.output_dense = nn.Linear(config.ffn_dim, config.dim)
        self.output_dropout = Dropout(config)

    def forward(self, x: Tensor) -> Tensor:
        """(row, dim) -> (row, dim)."""
        x, dense = self.intermediate_dense(x), self.output_dense
        if self.training and self.intermediate_dropout.p > 0:
            x = dense(self.intermediate_dropout(F.gelu(x)))
        else:
            x = GeluLinear.apply(x, dense.weight.to(x.dtype), dense.bias.to(x.dtype))  # under autocast x is bfloat16
        return self.output_dropout(x)


class TransformerLayer(nn.Module):
    """Attention and feed-forward, each with a residual and a norm."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.norm_first = config.norm_first
        self.attention = SelfAttention(config)
        self.dropout = Dropout(config)
        self.layer_norm = nn.LayerNorm(config.dim)
        self.feed_forward = FeedForward(config)
        self.final_layer_norm = nn.LayerNorm(config.dim)

    def forward(self, x: Tensor, lengths: list[int], wanted: Wanted | None = None) -> Tensor:
        """(row, dim) -> (row or wanted row, dim)."""
        residual = x if wanted is None else x.index_select(0, wanted.rows)
        if self.norm_first:
            x = residual + self.dropout(self.attention(self.layer_norm(x), lengths, wanted))
            return x + self.feed_forward(self.final_layer_norm(x))
        x = self.layer_norm(residual + self.dropout(self.attention(x, lengths, wanted)))
        return self.final_layer_norm(x + self.feed_forward(x))


class Transformer(nn.Module):
    """Positional convolution and layers; the last layer computes the wanted rows alone."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.norm_first, self.layer_drop = config.norm_first, config.layer_drop
        self.checkpointing = config.checkpointing
        self.pos_conv_embed = PositionalConvolution(config.dim, config.pos_kernel, config.pos_groups)
        self.layer_norm = nn.LayerNorm(config.dim)
        self.dropout = Dropout(config)
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.num_layers))
        for module in self.layers.modules():
            if isinstance(module, nn.Linear):  # as in BERT
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(
        self, x: Tensor, lengths: list[int], wanted: Wanted | None = None,
        tap: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """(row, dim) -> (row or wanted row, dim); ``tap``: Trunk.encode. A tapped layer may be a dropped one."""
        x = x + self.pos_conv_embed(x, lengths)
        x = self.dropout(x if self.norm_first else self.layer_norm(x))
        kept = [number for number in range(1, len(self.layers) + 1) if not self._dropped()]
        last = kept[-1] if kept else len(self.layers) + 1
        for number, layer in enumerate(self.layers, 1):
            if number in kept:
                x = self._run(layer, x, lengths, wanted if number == last else None)
            if tap is not None and number < len(self.layers):
                tap(number, self._out(x))
        if not kept and wanted is not None:
            x = x.index_select(0, wanted.rows)
        return self._out(x)

    def _out(self, x: Tensor) -> Tensor:
        return self.layer_norm(x) if self.norm_first else x

    def _run(self, layer: TransformerLayer, *arguments: object) -> Tensor:
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(layer, *arguments, use_reentrant=False)
        return layer(*arguments)

    def _dropped(self) -> bool:
        return self.training and self.layer_drop > 0 and float(torch.rand(())) < self.layer_drop
