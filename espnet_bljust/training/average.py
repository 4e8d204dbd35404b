"""The mean of the n best (by dev CER) or the last n epochs of an experiment: average.pth and average.json.

Means are taken in float64 and cast back. Integer buffers, such as counters of steps, come from the newest epoch:
their mean has no meaning, and their sum, which ESPnet's own averaging takes, neither.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.history import read_history
from espnet_bljust.weights.checkpoint import load, save_atomically


class Epoch(NamedTuple):
    """A saved epoch and its character error rate on the development set, a fraction."""

    number: int
    cer: float
    path: Path


def average_epochs(exp_dir: Path, count: int, mode: str) -> list[Epoch]:
    """Write average.pth and average.json of ``count`` epochs, fewer where fewer were kept; which ones it were.

    mode: "best" by dev CER, or "last".
    """
    if count < 1:
        raise InputError(f"--nbest {count}: at least one epoch is needed. Give 1 or more.")
    chosen = choose_epochs(exp_dir, count, mode)
    save_atomically(average([epoch.path for epoch in chosen]), exp_dir / "average.pth")
    record = {"mode": mode, "epochs": [{"epoch": epoch.number, "valid_cer": epoch.cer} for epoch in chosen]}
    write_atomic(exp_dir / "average.json", json.dumps(record, indent=1) + "\n")
    return chosen


def choose_epochs(exp_dir: Path, count: int, mode: str) -> list[Epoch]:
    """Saved epochs with a CER in the history, oldest first; of equal CERs the later epoch is preferred.

    Exploration has moved the trunk away from under the CTC head: its epochs serve only where there is no other.
    """
    rows = read_history(exp_dir / "history.jsonl").valid
    rows = [row for row in rows if row.get("phase") != "exploration"] or rows
    cer = {row.get("epoch"): row.get("cer") for row in rows}
    saved = [
        Epoch(number, float(rate), exp_dir / f"{number}epoch.pth")
        for number, rate in cer.items()
        if isinstance(rate, int | float) and math.isfinite(rate) and (exp_dir / f"{number}epoch.pth").is_file()
    ]
    if not saved:
        raise InputError(f"{exp_dir}: no <n>epoch.pth with a dev CER in history.jsonl. Train first: stages 9 and 10.")
    ranked = sorted(saved, key=lambda epoch: (epoch.cer if mode == "best" else 0.0, -epoch.number))
    return sorted(ranked[:count], key=lambda epoch: epoch.number)


def average(paths: list[Path]) -> dict[str, Tensor]:
    """Mean of the floating tensors of ``paths``, oldest first; the others as in the last one. One is held at a time."""
    newest: dict[str, Tensor] = {}
    sums: dict[str, Tensor] = {}
    for path in paths:
        state = load(path)
        if newest:
            check_alike(path, state, paths[0], newest)
        for name, tensor in state.items():
            if tensor.is_floating_point():
                sums[name] = tensor.double() + sums[name] if name in sums else tensor.double()
        newest = state
    means = {name: (tensor / len(paths)).to(newest[name].dtype) for name, tensor in sums.items()}
    return {name: means.get(name, tensor) for name, tensor in newest.items()}


def check_alike(path: Path, state: dict[str, Tensor], first: Path, expected: dict[str, Tensor]) -> None:
    """Same names and shapes as the epoch before, or an error that names the file and one tensor."""
    odd = sorted(state.keys() ^ expected.keys())
    odd = odd or sorted(name for name in state if state[name].shape != expected[name].shape)
    if odd:
        raise InputError(
            f"{path}: {odd[0]} differs from {first.name} in name or shape. Average epochs of one model: "
            "remove the files of another."
        )
