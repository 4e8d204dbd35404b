"""CPU seconds of steps that take turns, under settings that are fair to all."""

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable

# Waiting threads sleep: spinning ones are booked as CPU time, on a shared machine up to twice the step.
# The allocator keeps what is freed: without, the peers with their large temporaries lose 10 % and more to page faults.
SETTINGS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GLIBC_TUNABLES": "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456",
}


def ensure_settings() -> None:
    """Start this program again where the settings, which count from a process's start, are not in force."""
    if any(os.environ.get(name) != value for name, value in SETTINGS.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **SETTINGS})


def take_turns(steps: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each round after one warm-up: A B C, A B C, ..."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            gc.collect()
            started = time.process_time()
            step()
            if number:
                seconds[name].append(time.process_time() - started)
    return seconds


def median_ratio(mine: list[float], theirs: list[float]) -> float:
    """Median over rounds of theirs / mine: neighbours in time, so that a slow minute hits both."""
    return statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
