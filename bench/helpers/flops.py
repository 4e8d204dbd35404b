"""A machine's matrix rate: the products of given shapes, and their floating-point operations."""

from collections.abc import Callable

import torch


def matrix_products(
    shapes: list[tuple[int, int, int]], dtype: torch.dtype = torch.float32
) -> tuple[Callable[[], None], int]:
    """A function that multiplies (m, k) by (k, n) for each shape, and its operations: this machine's matrix rate."""
    cases = [[torch.randn(*shape).to(dtype) for shape in ((m, k), (n, k), (m, n))] for m, k, n in shapes]

    def multiply() -> None:
        for left, right, out in cases:
            torch.mm(left, right.t(), out=out)

    return multiply, sum(2 * m * k * n for m, k, n in shapes)
