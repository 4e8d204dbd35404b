"""What a dropout multiplies by: 0 with probability p, else 1 / (1 - p).

On a CPU torch draws each value by itself, which in a small network costs as much as the product behind it. Here a
random word of 64 bits serves four values, 16 bits each: p is rounded to 1 / 65536, and 1 / (1 - p) is that of the
rounded one, so that means are kept.
"""

import torch
from torch import Tensor

STEPS = 2**16


def dropout_factors(like: Tensor, probability: float) -> Tensor:
    """(as ``like``), of its type; ``like`` is on a CPU. Drawn from torch's generator."""
    dropped = min(round(STEPS * probability), STEPS - 1)
    words = torch.empty(-(-like.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    drawn = words.view(torch.int16)[: like.numel()].view(like.shape)
    kept = torch.ge(drawn, dropped - STEPS // 2, out=torch.empty(like.shape, dtype=like.dtype))
    return kept.mul_(STEPS / (STEPS - dropped))
