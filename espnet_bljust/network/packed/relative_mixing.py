"""Attention with relative positions within each utterance of packed rows, for a CPU: products and a softmax alone.

    P = softmax(s (A K^T + shifted(B R^T))),  out = P V     A = q + u, B = q + v, R of distances n - 1 .. 1 - n
Column j of row i of shifted(X) is X[i, n - 1 - i + j], a strided view of X: nothing is moved forward, and backward
its gradient is written through the same view. Utterance by utterance, each product into its place among the rows.
Formula: Dai et al., arXiv:1901.02860, section 3.3.
"""

import math
from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from espnet_bljust.network.packed.dropout_factors import dropout_factors

softmax_backward = torch.ops.aten._softmax_backward_data


class RelativeMixing(torch.autograd.Function):
    """by_content, by_position, key, value (row, head, d), r (2 longest - 1, head, d), of one type -> (row, head, d).

    dropout: on P; 0 for none.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, by_content: Tensor, by_position: Tensor, key: Tensor, value: Tensor, r: Tensor,
        lengths: list[int], dropout: float,
    ) -> Tensor:
        rows, out, kept = (by_content, by_position, key, value), torch.empty_like(value), []
        scale = 1 / math.sqrt(value.shape[2])
        with torch.autocast("cpu", enabled=False):
            for a, b, k, v, mixed, distances in _utterances([*rows, out], [r], lengths):
                positions = torch.bmm(b, distances.transpose(1, 2))  # (head, frame, distance)
                scores = torch.baddbmm(_shifted(positions), a, k.transpose(1, 2), beta=scale, alpha=scale)
                weights = scores.softmax(2)
                factors = [dropout_factors(weights, dropout)] if dropout else []
                torch.bmm(math.prod(factors, start=weights), v, out=mixed)
                kept += [weights, *factors]
        ctx.lengths, ctx.scale, ctx.each = lengths, scale, 1 + (dropout > 0)
        ctx.save_for_backward(*rows, r, *kept)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple:
        *rows, r = ctx.saved_tensors[:5]
        kept = iter(ctx.saved_tensors[5:])
        into, into_r = [torch.empty_like(each) for each in rows], torch.zeros_like(r)
        for a, b, k, v, pull, into_a, into_b, into_k, into_v, distances, into_distances in _utterances(
                [*rows, gradient, *into], [r, into_r], ctx.lengths):
            weights, *factors = islice(kept, ctx.each)
            torch.bmm(math.prod(factors, start=weights).transpose(1, 2), pull, out=into_v)
            into_weights = math.prod(factors, start=torch.bmm(pull, v.transpose(1, 2)))
            scores = softmax_backward(into_weights, weights, 2, weights.dtype).mul_(ctx.scale)
            torch.bmm(scores, k, out=into_a)
            torch.bmm(scores.transpose(1, 2), a, out=into_k)
            positions = scores.new_zeros(*scores.shape[:2], distances.shape[1])
            _shifted(positions).copy_(scores)
            torch.bmm(positions, distances, out=into_b)
            into_distances.baddbmm_(positions.transpose(1, 2), b)
        return *into, into_r, None, None


def _utterances(rows: list[Tensor], distances: list[Tensor], lengths: list[int]) -> Iterator[list[Tensor]]:
    """Views of each utterance's rows, then of the distances that it has: (head, frame or distance, d)."""
    longest, start = (len(distances[0]) + 1) // 2, 0
    for length in lengths:
        stop = start + length
        own = [each[start:stop] for each in rows]
        own += [each[longest - length : longest + length - 1] for each in distances]
        yield [each.transpose(0, 1) for each in own]
        start = stop


def _shifted(positions: Tensor) -> Tensor:
    """A view (head, frame i, frame j) of (head, frame, distance), contiguous: column j is the distance i - j."""
    heads, frames, distances = positions.shape
    return positions.as_strided((heads, frames, frames), (frames * distances, distances - 1, 1), frames - 1)
