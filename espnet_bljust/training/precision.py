"""Whether bfloat16 makes a step faster on this device: measured, as neither a CPU's name nor its flags tell.

A CPU with AMX or full-width bfloat16 instructions multiplies two to eight times as fast as in float32; others convert,
and are slower than in float32.
"""

import time
from collections.abc import Callable

import torch

ROWS, INNER, COLUMNS = 1500, 768, 3072  # a feed-forward layer of size base over 30 s of audio
GAIN = 1.5  # below it, casts between the two types eat what the products gain


class Precision:
    """What use_amp came to: measured when a run first starts, and kept in its checkpoints, so that it never changes."""

    def __init__(self) -> None:
        self.bfloat16: bool | None = None  # None: not measured yet

    def state_dict(self) -> dict:
        return {"bfloat16": self.bfloat16}

    def load_state_dict(self, state: dict) -> None:
        self.bfloat16 = state["bfloat16"]


def bfloat16_pays(
    device: torch.device, seconds: Callable[[torch.dtype], float] | None = None
) -> bool:
    """On a GPU if its hardware has the type; on a CPU if ``seconds``, of a product in a type, says so."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    seconds = seconds or product_seconds
    return seconds(torch.float32) > GAIN * seconds(torch.bfloat16)


def product_seconds(dtype: torch.dtype) -> float:
    """The fastest of five, as others may use the machine too."""
    left, right = torch.ones(ROWS, INNER, dtype=dtype), torch.ones(INNER, COLUMNS, dtype=dtype)
    times = []
    for _ in range(6):
        started = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - started)
    return min(times[1:])
