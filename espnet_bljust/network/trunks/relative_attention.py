"""Multi-head attention that knows how far apart two frames are.

    score(i, j) = ((q_i + u)·k_j + (q_i + v)·r_{i-j}) / sqrt(d),   r_n = W · sinusoids of n
Source: Dai et al., arXiv:1901.02860, section 3.3; in the conformer: Gulati et al., arXiv:2005.08100, section 2.1.
Parameter names are ESPnet's.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.network.packed.packing import runs
from espnet_bljust.network.packed.places import Places


def relative_sinusoids(frames: int, dim: int, like: Tensor) -> Tensor:
    """(2 frames - 1, dim) for distances frames - 1 .. 1 - frames; sines in even columns, cosines in odd ones."""
    distance = torch.arange(frames - 1, -frames, -1, dtype=torch.float64, device=like.device)
    rate = torch.exp(torch.arange(0, dim, 2, dtype=torch.float64, device=like.device) * (-math.log(10000.0) / dim))
    angle = distance[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1).to(like.dtype)


class Squares(NamedTuple):
    """How the scores of a batch are computed.

    On a CPU each run of equally long utterances stands alone: no padding is computed, and beside one long utterance the
    short ones cost what they cost alone. On a GPU, where many small calls would wait for their launch, the batch is one
    padded call.
    """

    lengths: list[int]  # frames of each utterance
    padded: Places | None  # of the rows in squares of the longest one's size; None: run by run
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
        rows = [linear(x).view(len(x), self.heads, -1) for linear in (self.linear_q, self.linear_k, self.linear_v)]
        r = self.linear_pos(position).view(len(position), self.heads, -1)
        if squares.padded is not None:
            query, key, value = (squares.padded.spread(each).unflatten(0, squares.valid.shape) for each in rows)
            mixed = squares.padded.collect(self._mix(query, key, value, r, squares.valid).flatten(0, 1))
        else:
            mixed = torch.cat(list(self._by_runs(rows, r, squares.lengths)))
        return self.linear_out(mixed)

    def _by_runs(self, rows: list[Tensor], r: Tensor, lengths: list[int]) -> Iterator[Tensor]:
        """(row, dim) of each run of equal lengths, which sees the middle of the longest one's distances."""
        both, longest = runs([(length, length) for length in lengths]), (len(r) + 1) // 2
        sizes = [run.utterances * run.frames[0] for run in both]
        for run, *parts in zip(both, *(each.split(sizes) for each in rows), strict=True):
            if frames := run.frames[0]:
                query, key, value = (part.unflatten(0, (run.utterances, frames)) for part in parts)
                yield self._mix(query, key, value, r[longest - frames : longest + frames - 1], None).flatten(0, 1)

    def _mix(self, query: Tensor, key: Tensor, value: Tensor, r: Tensor, valid: Tensor | None) -> Tensor:
        """(utterance, frame, head, dim / head) each, r (distance, head, dim / head) -> (utterance, frame, dim)."""
        u, w = (bias.to(query.dtype) for bias in (self.pos_bias_u, self.pos_bias_v))
        by_position = shifted(torch.einsum("bihd,nhd->bhin", query + w, r)) / math.sqrt(query.shape[3])
        if valid is not None:
            by_position = by_position.masked_fill(~valid[:, None, None], float("-inf"))  # keys of the padding
        q, k, v = (each.transpose(1, 2) for each in (query + u, key, value))  # (utterance, head, frame, dim / head)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=by_position,
                                               dropout_p=self.attention_dropout if self.training else 0.0)
        return mixed.transpose(1, 2).flatten(2)


def shifted(scores: Tensor) -> Tensor:
    """(.., frame i, distance) -> (.., frame i, frame j): column j is the distance i - j."""
    *batch, frames, distances = scores.shape
    padded = F.pad(scores, (1, 0)).view(*batch, distances + 1, frames)
    return padded[..., 1:, :].reshape(*batch, frames, distances)[..., :frames]
