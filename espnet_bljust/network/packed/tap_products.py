"""A block of a convolution as ceil(kernel / stride) matrix products.

Output row t reads input rows t·s .. t·s + k - 1. The first s of them are one row of the input seen as
(row, s·channel), the next s are that view one row further: nothing is unfolded.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


def multiply(x: Tensor, weight: Tensor, stride: int, out: Tensor) -> None:
    """x (stride * row + kernel - stride, channel), weight (out, kernel * channel), tap-major -> out (row, out)."""
    for index, (columns, view) in enumerate(_views(x, weight.shape[1], stride, len(out))):
        out.addmm_(view, weight[:, columns].t(), beta=float(index > 0))


def pull_back(
    x: Tensor, weight: Tensor, stride: int, gradient: Tensor, into_x: Tensor | None, into_weight: Tensor
) -> None:
    """Gradients of ``multiply``: into_x is overwritten, or None; into_weight, float32 at least, is added to."""
    for columns, view in _views(x, weight.shape[1], stride, len(gradient)):
        add_product(into_weight[:, columns], gradient.t(), view)
    if into_x is None:
        return
    into_x[stride * len(gradient) :].zero_()  # the first view does not reach these
    for index, (columns, view) in enumerate(_views(into_x, weight.shape[1], stride, len(gradient))):
        if index == 0:
            torch.mm(gradient, weight[:, columns], out=view)
        else:
            view.addmm_(gradient, weight[:, columns])


def add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """total += left @ right; bfloat16 factors are summed over the blocks in float32."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total.add_(left @ right)


def _views(x: Tensor, width: int, stride: int, rows: int) -> Iterator[tuple[slice, Tensor]]:
    """(columns of the weight, rows of the input that they meet), one for each ``stride`` taps."""
    channels = x.shape[1]
    hop = stride * channels
    for first in range(0, width, hop):
        last = min(width, first + hop)
        yield slice(first, last), x.as_strided((rows, last - first), (hop, 1), x.storage_offset() + first)
