"""Multi-head attention that knows how far apart two frames are.

    score(i, j) = ((q_i + u)·k_j + (q_i + v)·r_{i-j}) / sqrt(d),   r_n = W · sinusoids of n
Source: Dai et al., arXiv:1901.02860, section 3.3; in the conformer: Gulati et al., arXiv:2005.08100, section 2.1.
Parameter names are ESPnet's.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.network.packed.places import Places
from espnet_bljust.network.packed.relative_mixing import RelativeMixing


def relative_sinusoids(frames: int, dim: int, like: Tensor) -> Tensor:
    """(2 frames - 1, dim) for distances frames - 1 .. 1 - frames; sines in even columns, cosines in odd ones."""
    distance = torch.arange(frames - 1, -frames, -1, dtype=torch.float64, device=like.device)
    rate = torch.exp(torch.arange(0, dim, 2, dtype=torch.float64, device=like.device) * (-math.log(10000.0) / dim))
    angle = distance[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1).to(like.dtype)


class Squares(NamedTuple):
    """How the scores of a batch are computed.

    On a CPU each utterance stands alone: no padding is computed, and beside one long utterance the short ones cost what
    they cost alone. On a GPU, where many small calls would wait for their launch, the batch is one padded call.
    """

    lengths: list[int]  # frames of each utterance
    padded: Places | None  # of the rows in squares of the longest one's size; None: one by one
    valid: Tensor | None  # (utterance, frame) bool

    @classmethod
    def of(cls, lengths: list[int], device: torch.device, together: bool | None = None) -> "Squares":
        """``together``: one padded call; None: on a GPU."""
        if not (device.type == "cuda" if together is None else together):
            return cls(lengths, None, None)
        longest = max(lengths)
        valid = torch.arange(longest) < torch.tensor(lengths)[:, None]
        return cls(lengths, Places.of(lengths, [longest] * len(lengths), device), valid.to(device, non_blocking=True))


class RelativeAttention(nn.Module):
    """Over packed rows."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.attention_dropout = heads, dropout
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (nn.Linear(dim, dim) for _ in range(4))
        self.linear_pos = nn.Linear(dim, dim, bias=False)
        self.pos_bias_u, self.pos_bias_v = (nn.Parameter(torch.empty(heads, dim // heads)) for _ in range(2))
        for bias in (self.pos_bias_u, self.pos_bias_v):
            nn.init.xavier_uniform_(bias)

    def forward(self, x: Tensor, squares: Squares, position: Tensor) -> Tensor:
        """x (row, dim); position (2 longest - 1, dim), the longest utterance's sinusoids -> (row, dim)."""
        query, key, value = (
            linear(x).view(len(x), self.heads, -1) for linear in (self.linear_q, self.linear_k, self.linear_v))
        r = self.linear_pos(position).view(len(position), self.heads, -1)
        dropout = self.attention_dropout if self.training else 0.0
        by_content, by_position = (query + bias.to(query.dtype) for bias in (self.pos_bias_u, self.pos_bias_v))
        if squares.padded is None:
            mixed = RelativeMixing.apply(by_content, by_position, key, value, r, squares.lengths, dropout)
        else:
            spread = (squares.padded.spread(each).unflatten(0, squares.valid.shape)
                      for each in (by_content, by_position, key, value))
            mixed = squares.padded.collect(mix(*spread, r, squares.valid, dropout).flatten(0, 1))
        return self.linear_out(mixed.flatten(1))


def mix(
    by_content: Tensor, by_position: Tensor, key: Tensor, value: Tensor, r: Tensor, valid: Tensor, dropout: float
) -> Tensor:
    """(utterance, frame, head, d) each, r (distance, head, d), valid (utterance, frame) bool -> as value."""
    scores = shifted(torch.einsum("bihd,nhd->bhin", by_position, r)) / math.sqrt(value.shape[3])
    scores = scores.masked_fill(~valid[:, None, None], float("-inf"))  # keys of the padding
    q, k, v = (each.transpose(1, 2) for each in (by_content, key, value))  # (utterance, head, frame, d)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=scores, dropout_p=dropout).transpose(1, 2)


def shifted(scores: Tensor) -> Tensor:
    """(.., frame i, distance) -> (.., frame i, frame j): column j is the distance i - j."""
    *batch, frames, distances = scores.shape
    padded = F.pad(scores, (1, 0)).view(*batch, distances + 1, frames)
    return padded[..., 1:, :].reshape(*batch, frames, distances)[..., :frames]
