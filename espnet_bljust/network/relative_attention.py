"""Multi-head attention that knows how far apart two frames are.

    score(i, j) = ((q_i + u)·k_j + (q_i + v)·r_{i-j}) / sqrt(d),   r_n = W · sinusoids of n
Source: Dai et al., arXiv:1901.02860, section 3.3; in the conformer: Gulati et al., arXiv:2005.08100, section 2.1.
Parameter names are ESPnet's.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.network.places import Places


def relative_sinusoids(frames: int, dim: int, like: Tensor) -> Tensor:
    """(2 frames - 1, dim) for distances frames - 1 .. 1 - frames; sines in even columns, cosines in odd ones."""
    distance = torch.arange(frames - 1, -frames, -1, dtype=torch.float64, device=like.device)
    rate = torch.exp(torch.arange(0, dim, 2, dtype=torch.float64, device=like.device) * (-math.log(10000.0) / dim))
    angle = distance[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1).to(like.dtype)


class RelativeAttention(nn.Module):
    """Over packed rows; the scores of an utterance stand in a square of the longest one's size."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (nn.Linear(dim, dim) for _ in range(4))
        self.linear_pos = nn.Linear(dim, dim, bias=False)
        self.pos_bias_u, self.pos_bias_v = (nn.Parameter(torch.empty(heads, dim // heads)) for _ in range(2))
        for bias in (self.pos_bias_u, self.pos_bias_v):
            nn.init.xavier_uniform_(bias)

    def forward(self, x: Tensor, places: Places, position: Tensor, valid: Tensor) -> Tensor:
        """x (row, dim); position (2 frame - 1, dim); valid (utterance, frame) bool -> (row, dim)."""
        batch, frames = valid.shape
        q, k, v = (places.spread(linear(x)).view(batch, frames, self.heads, -1)
                   for linear in (self.linear_q, self.linear_k, self.linear_v))
        r = self.linear_pos(position).view(2 * frames - 1, self.heads, -1)
        u, w = (bias.to(q.dtype) for bias in (self.pos_bias_u, self.pos_bias_v))
        by_position = torch.einsum("bihd,nhd->bhin", q + w, r)
        by_position = shifted(by_position) / math.sqrt(q.shape[3])
        by_position = by_position.masked_fill(~valid[:, None, None], float("-inf"))  # keys of the padding
        q, k, v = (each.transpose(1, 2) for each in (q + u, k, v))  # (utterance, head, frame, dim / head)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=by_position,
                                               dropout_p=self.dropout if self.training else 0.0)
        return self.linear_out(places.collect(mixed.transpose(1, 2).flatten(2).flatten(0, 1)))


def shifted(scores: Tensor) -> Tensor:
    """(.., frame i, distance) -> (.., frame i, frame j): column j is the distance i - j."""
    *batch, frames, distances = scores.shape
    padded = F.pad(scores, (1, 0)).view(*batch, distances + 1, frames)
    return padded[..., 1:, :].reshape(*batch, frames, distances)[..., :frames]
