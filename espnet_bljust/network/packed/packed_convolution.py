"""convolution(gelu(x)) over packed rows as plain matrix products, for a CPU.

Rows are time-major, (row, channel). A layer takes and gives values before their GELU, so that only those are kept for
backward; the GELU is taken block by block, while the block is in the cache, and again in backward.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from espnet_bljust.network.packed import tap_products, three_tap_products

BLOCK = 2048  # output rows; even, as pairs of rows share a product in three_tap_products
gelu_out = torch.ops.aten.gelu.out
gelu_backward_out = torch.ops.aten.gelu_backward.grad_input


class PackedConvolution(torch.autograd.Function):
    """(stride * row + kernel - stride, channel) -> (row + tail, out), the last ``tail`` rows zeros for the next layer.

    weights: (segment, out, kernel * channel), tap-major; segments: output rows of each, in order.
    activate: x is taken through a GELU first; audio is not. x and weights are of one type, which out has too.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, weights: Tensor, segments: list[int], stride: int, tail: int, activate: bool
    ) -> Tensor:
        rows, taps = sum(segments), weights.shape[2] // x.shape[1]
        out = x.new_empty(rows + tail, weights.shape[1])
        out[rows:].zero_()
        three = (taps, stride) == (3, 2) and all(segment % 2 == 0 for segment in segments)
        ctx.products = three_tap_products if three else tap_products
        ctx.segments, ctx.stride, ctx.overlap, ctx.activate = segments, stride, taps - stride, activate
        active = x.new_empty(BLOCK * stride + ctx.overlap, x.shape[1]) if activate else None
        for segment, first, last in _blocks(segments):
            inputs = _activated(x[first * stride : last * stride + ctx.overlap], active)
            ctx.products.multiply(inputs, weights[segment], stride, out[first:last])
        ctx.save_for_backward(x, weights)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple:
        x, weights = ctx.saved_tensors
        gradient, stride, overlap = gradient.contiguous(), ctx.stride, ctx.overlap
        precise = torch.promote_types(weights.dtype, torch.float32)
        active = x.new_empty(BLOCK * stride + overlap, x.shape[1]) if ctx.activate else None
        into_x, into_weights, into_active = None, torch.zeros_like(weights, dtype=precise), None
        if ctx.needs_input_grad[0]:
            into_x, into_active = torch.empty_like(x), x.new_empty(BLOCK * stride + overlap, x.shape[1])
            into_x[stride * sum(ctx.segments) :].zero_()
        for segment, first, last in reversed(list(_blocks(ctx.segments))):  # a block's last rows begin the next one
            place = slice(first * stride, last * stride + overlap)
            inputs = _activated(x[place], active)
            part = None if into_active is None else into_active[: len(inputs)]
            ctx.products.pull_back(inputs, weights[segment], stride, gradient[first:last], part, into_weights[segment])
            if into_x is not None:
                _add_to_inputs(part, x[place] if ctx.activate else None, into_x[place], (last - first) * stride)
        return into_x, into_weights.to(weights.dtype), None, None, None, None


def _activated(x: Tensor, buffer: Tensor | None) -> Tensor:
    return x if buffer is None else gelu_out(x, out=buffer[: len(x)])


def _add_to_inputs(part: Tensor, before: Tensor | None, into_x: Tensor, own: int) -> None:
    """The block's ``own`` rows are written; those that it shares with the next block, already there, are added to."""
    if before is not None:
        gelu_backward_out(part, before, approximate="none", grad_input=part)
    into_x[:own].copy_(part[:own])
    into_x[own:].add_(part[own:])


def _blocks(segments: list[int]) -> Iterator[tuple[int, int, int]]:
    """(segment, first row, last row) of at most BLOCK rows."""
    start = 0
    for segment, rows in enumerate(segments):
        for first in range(start, start + rows, BLOCK):
            yield segment, first, min(first + BLOCK, start + rows)
        start += rows
