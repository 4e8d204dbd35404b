"""gelu(convolution) with three taps and stride two from five products a pair of rows instead of six, for a CPU.

The outer taps meet the even input rows e as a filter of two taps, and a pair of its outputs can share a product.
With odd input rows o:
    y[2m]     = w1 o[2m]     + w0 (e[2m]     - e[2m + 1]) + (w0 + w2) e[2m + 1]
    y[2m + 1] = w1 o[2m + 1] + w2 (e[2m + 2] - e[2m + 1]) + (w0 + w2) e[2m + 1]
The gradients for input and weight share in the same way. Error against float64: 1.1 times the plain product's.
Source: Winograd, Arithmetic Complexity of Computations, 1980, section III (the fast FIR algorithm).
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

PAIRS = 1024  # of output rows, in a block that stays in the cache
gelu_out = torch.ops.aten.gelu.out
gelu_backward_out = torch.ops.aten.gelu_backward.grad_input


class FastConvolution(torch.autograd.Function):
    """(2 row + 1, channel) -> (row + tail, out); rows are even, and the last ``tail`` ones zeros for the next layer.

    weight: (tap, out, channel), three taps.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, tail: int) -> Tensor:
        rows, outer = len(x) // 2, weight[0] + weight[2]
        before, out = x.new_empty(rows, weight.shape[1]), x.new_empty(rows + tail, weight.shape[1])
        out[rows:].zero_()
        shared, difference = _buffers(x, before)
        for first in range(0, rows, 2 * PAIRS):
            block = before[first : first + 2 * PAIRS]
            even, odd, following = _inputs(x, first, len(block))
            middle, pairs = even[1::2], len(block) // 2
            torch.mm(odd, weight[1].t(), out=block)
            for parity, tap, neighbour in ((0, 0, even[::2]), (1, 2, following)):
                torch.sub(neighbour, middle, out=difference[:pairs])
                block[parity::2].addmm_(difference[:pairs], weight[tap].t())
            torch.mm(middle, outer.t(), out=shared[:pairs])
            block.view(pairs, 2, -1).add_(shared[:pairs, None])
            gelu_out(block, out=out[first : first + len(block)])
        ctx.save_for_backward(x, weight, before)
        return out

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple:
        x, weight, before = ctx.saved_tensors
        rows = len(before)
        into_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        into_weight, into_outer = torch.zeros_like(weight), torch.zeros_like(weight[0])
        inner, total, spare = before.new_empty(2 * PAIRS, before.shape[1]), *_buffers(x, before)
        if into_x is not None:
            into_x[2 * rows :].zero_()
        for first in reversed(range(0, rows, 2 * PAIRS)):  # backwards: the last input row of a block is the next one's
            block = before[first : first + 2 * PAIRS]
            g, pairs = inner[: len(block)], len(block) // 2
            gelu_backward_out(gradient[first : first + len(block)], block, approximate="none", grad_input=g)
            torch.add(g[::2], g[1::2], out=total[:pairs])
            _weight_gradient(_inputs(x, first, len(block)), g, total[:pairs], spare[:pairs], into_weight, into_outer)
            if into_x is not None:
                _input_gradient(_inputs(into_x, first, len(block)), g, total[:pairs], spare[:pairs], weight)
        into_weight[::2].add_(into_outer)
        return into_x, into_weight, None


def _inputs(x: Tensor, first: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Even and odd input rows of a block of output rows, and of each pair the even row that follows it."""
    part = x[2 * first : 2 * (first + count) + 1]
    return part[:-1:2], part[1::2], part[4::4]


def _buffers(x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    return before.new_empty(PAIRS, before.shape[1]), x.new_empty(PAIRS, x.shape[1])


def _weight_gradient(
    inputs: tuple[Tensor, Tensor, Tensor], g: Tensor, total: Tensor, spare: Tensor, into: Tensor, into_outer: Tensor
) -> None:
    even, odd, following = inputs
    middle = even[1::2]
    into[1].addmm_(g.t(), odd)
    into_outer.addmm_(total.t(), middle)
    for parity, tap, neighbour in ((0, 0, even[::2]), (1, 2, following)):
        torch.sub(neighbour, middle, out=spare)
        into[tap].addmm_(g[parity::2].t(), spare)


def _input_gradient(
    inputs: tuple[Tensor, Tensor, Tensor], g: Tensor, total: Tensor, spare: Tensor, weight: Tensor
) -> None:
    """Writes every row of the block, and adds to the row that follows it."""
    even, odd, following = inputs
    middle = even[1::2]
    torch.mm(g, weight[1], out=odd)
    torch.mm(total, weight[0] + weight[2], out=middle)
    torch.mm(g[::2], weight[0], out=even[::2])
    middle.sub_(even[::2])  # before the neighbour's share comes into it
    torch.mm(g[1::2], weight[2], out=spare)
    middle.sub_(spare)
    following.add_(spare)
