"""A block of a convolution with three taps and stride two from five products a pair of rows instead of six.

The outer taps meet the even input rows e as a filter of two taps, and a pair of its outputs can share a product.
With odd input rows o:
    y[2m]     = w1 o[2m]     + w0 (e[2m]     - e[2m + 1]) + (w0 + w2) e[2m + 1]
    y[2m + 1] = w1 o[2m + 1] + w2 (e[2m + 2] - e[2m + 1]) + (w0 + w2) e[2m + 1]
The gradients for input and weight share in the same way. Error against float64: 1.1 times the plain product's.
Source: Winograd, Arithmetic Complexity of Computations, 1980, section III (the fast FIR algorithm).
"""

import torch
from torch import Tensor

from espnet_bljust.network.packed.tap_products import add_product


def multiply(x: Tensor, weight: Tensor, stride: int, out: Tensor) -> None:
    """x (2 row + 1, channel), weight (out, 3 channel), tap-major -> out (row, out); rows are even, stride is 2."""
    even, odd, following = _inputs(x)
    taps, middle = weight.chunk(3, 1), even[1::2]
    torch.mm(odd, taps[1].t(), out=out)
    for parity, tap, neighbour in ((0, 0, even[::2]), (1, 2, following)):
        out[parity::2].addmm_(neighbour - middle, taps[tap].t())
    out.view(len(middle), 2, -1).add_((middle @ (taps[0] + taps[2]).t())[:, None])


def pull_back(
    x: Tensor, weight: Tensor, stride: int, gradient: Tensor, into_x: Tensor | None, into_weight: Tensor
) -> None:
    """Gradients of ``multiply``: into_x is overwritten, or None; into_weight, float32 at least, is added to."""
    even, odd, following = _inputs(x)
    into_taps, middle, total = into_weight.chunk(3, 1), even[1::2], gradient[::2] + gradient[1::2]
    outer = total.t() @ middle
    add_product(into_taps[1], gradient.t(), odd)
    for parity, tap, neighbour in ((0, 0, even[::2]), (1, 2, following)):
        add_product(into_taps[tap], gradient[parity::2].t(), neighbour - middle)
        into_taps[tap].add_(outer)
    if into_x is not None:
        _into_inputs(into_x, weight.chunk(3, 1), gradient, total)


def _into_inputs(into_x: Tensor, taps: tuple[Tensor, ...], gradient: Tensor, total: Tensor) -> None:
    into_x[-1].zero_()
    even, odd, following = _inputs(into_x)
    middle = even[1::2]
    torch.mm(gradient, taps[1], out=odd)
    torch.mm(total, taps[0] + taps[2], out=middle)
    torch.mm(gradient[::2], taps[0], out=even[::2])
    last = gradient[1::2] @ taps[2]
    middle.sub_(even[::2]).sub_(last)  # before a neighbour's share comes into the even rows
    following.add_(last)


def _inputs(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Even and odd rows, and of each pair of even rows the even row that follows it."""
    return x[:-1:2], x[1::2], x[4::4]
