"""Floating-point operations of a step's matrix products, counted from the calls that it makes."""

from collections.abc import Callable
from math import prod

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

aten = torch.ops.aten


def _addmm(_: object, left: torch.Size, right: torch.Size, *rest: object, **options: object) -> int:
    return 2 * left[0] * left[1] * right[1]


def _attention(query: torch.Size, key: torch.Size, value: torch.Size, products: int) -> int:
    batch, heads, rows, dim = query
    return 2 * products * batch * heads * rows * key[2] * dim


def _convolution_backward(
    gradient: torch.Size, x: torch.Size, weight: torch.Size, *rest: object, **options: object
) -> int:
    """For the input and for the weight as many as forward: the maps of a group meet each other alone."""
    *_, (into_x, into_weight, _) = rest
    return (into_x + into_weight) * conv_flop_count(x, weight, gradient)


# What the counter does not know: products in place, the CPU's flash attention (backward computes the scores anew), and
# that a grouped convolution's weight has a gradient within its groups alone. No convolution here is transposed.
EXTRA = {
    aten.convolution_backward: _convolution_backward,
    aten.addmm_: _addmm,
    aten.baddbmm_: lambda _, left, right, **options: 2 * prod(left) * right[2],
    aten._scaled_dot_product_flash_attention_for_cpu:
        lambda query, key, value, *rest, **options: _attention(query, key, value, 2),
    aten._scaled_dot_product_flash_attention_for_cpu_backward:
        lambda gradient, query, key, value, *rest, **options: _attention(query, key, value, 5),
}


def count_flops(step: Callable[[], object]) -> int:
    """One multiplication and addition is two."""
    with FlopCounterMode(display=False, custom_mapping=EXTRA) as counter:
        step()
    return counter.get_total_flops()
