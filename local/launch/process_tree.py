"""The processes below a process, and signals for those of them that await one. Linux only: read from /proc."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def descendants(process: int) -> list[int]:
    """The processes below this one, itself first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # it has just ended
        children.setdefault(parent, []).append(int(stat.parent.name))
    tree = [process]
    for each in tree:
        tree += children.get(each, [])
    return tree


def awaits(process: int, number: int) -> bool:
    """Whether the process catches this signal, or blocks it to wait for it, as srun does."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigCgt:", "SigBlk:"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def send(processes: list[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def ask_to_end(process: int, number: int) -> None:
    """SIGUSR1 for those that await it: a training then writes its checkpoint, and a shell above it lives to pass its
    status on. Where none does, all get the signal."""
    everyone = descendants(process)
    waiting = [each for each in everyone if awaits(each, signal.SIGUSR1)]
    send(waiting or everyone, signal.SIGUSR1 if waiting else number)
