"""gelu(convolution) over packed rows as plain matrix products, for a CPU.

Rows are time-major, (row, channel). With kernel k and stride s, output row t reads input rows t·s .. t·s + k − 1:
the first s of them are one row of the input seen as (row / s, s·channel), the next s are that view one row
further, so a layer is ceil(k / s) products and nothing is unfolded. GELU and its derivative are taken block by
block, while the block is in the cache.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

BLOCK = 2048  # rows
gelu_out = torch.ops.aten.gelu.out
gelu_backward_out = torch.ops.aten.gelu_backward.grad_input


class PackedConvolution(torch.autograd.Function):
    """(row, channel) -> (sum(segments) + tail, out), where the last ``tail`` rows are zeros for the next layer.

    weights: (segment, out, kernel * channel), tap-major; segments: output rows of each, in order.
    Narrow inputs (layer 0) store no pre-activation: it is cheaper computed again than kept.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weights: Tensor, segments: list[int], stride: int, tail: int) -> Tensor:
        rows, out_dim = sum(segments), weights.shape[1]
        out = x.new_empty(rows + tail, out_dim)
        out[rows:].zero_()
        stored = None if weights.shape[2] < 32 else x.new_empty(rows, out_dim)
        buffer = x.new_empty(min(BLOCK, rows), out_dim) if stored is None else None
        views = list(_views(x, weights.shape[2], stride, rows))
        for segment, first, last in _blocks(segments):
            part = buffer[: last - first] if stored is None else stored[first:last]
            _product(part, views, weights[segment], first, last)
            gelu_out(part, out=out[first:last])
        ctx.save_for_backward(x, weights, *([] if stored is None else [stored]))
        ctx.segments, ctx.stride = segments, stride
        return out

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple:
        x, weights, *stored = ctx.saved_tensors
        rows, width = sum(ctx.segments), weights.shape[2]
        into_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        into_weights = torch.zeros_like(weights)
        inner = x.new_empty(min(BLOCK, rows), weights.shape[1])
        views = list(_views(x, width, ctx.stride, rows))
        into_views = []
        if into_x is not None:
            into_x[ctx.stride * rows :].zero_()
            into_views = list(_views(into_x, width, ctx.stride, rows))
        for segment, first, last in reversed(list(_blocks(ctx.segments))):  # later views reach into the next block
            part = inner[: last - first]
            if stored:
                before = stored[0][first:last]
            else:
                before = torch.empty_like(part)
                _product(before, views, weights[segment], first, last)
            gelu_backward_out(gradient[first:last], before, approximate="none", grad_input=part)
            for columns, view in views:
                into_weights[segment][:, columns].addmm_(part.t(), view[first:last])
            for index, (columns, view) in enumerate(into_views):
                view[first:last].addmm_(part, weights[segment][:, columns], beta=float(index > 0))
        return into_x, into_weights, None, None, None


def _views(x: Tensor, width: int, stride: int, rows: int) -> Iterator[tuple[slice, Tensor]]:
    """(columns of the weight, rows of the input that they meet), one for each ``stride`` taps."""
    channels = x.shape[1]
    hop = stride * channels
    for first in range(0, width, hop):
        last = min(width, first + hop)
        yield slice(first, last), x.as_strided((rows, last - first), (hop, 1), x.storage_offset() + first)


def _blocks(segments: list[int]) -> Iterator[tuple[int, int, int]]:
    """(segment, first row, last row) of at most BLOCK rows."""
    start = 0
    for segment, rows in enumerate(segments):
        for first in range(start, start + rows, BLOCK):
            yield segment, first, min(first + BLOCK, start + rows)
        start += rows


def _product(out: Tensor, views: list[tuple[slice, Tensor]], weight: Tensor, first: int, last: int) -> None:
    for index, (columns, view) in enumerate(views):
        out.addmm_(view[first:last], weight[:, columns].t(), beta=float(index > 0))
