"""The mean of the n best (by dev CER) or the last n epochs of an experiment: average.pth and average.json.

A mean is worth only as much as its worst part: of the best, those with many more errors than the first one are left
out, and the mean is heard on dev beside that one, which takes its place where it has fewer errors.

Means are taken in float64 and cast back. Integer buffers, such as counters of steps, come from the newest epoch:
their mean has no meaning, and their sum, which ESPnet's own averaging takes, neither.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from espnet_bljust.decoding.dev_errors import DevErrors
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.history import read_history
from espnet_bljust.weights.checkpoint import load, save_atomically

NEAR = 0.25  # so many more errors than the best epoch has, or so many fewer right, are too many for a mean


class Epoch(NamedTuple):
    """A saved epoch and its character error rate on the development set, a fraction."""

    number: int
    cer: float
    path: Path


class Averaged(NamedTuple):
    """What average.pth is made of."""

    epochs: list[Epoch]
    left_out: list[Epoch]  # of the n best: too far from the best one
    mean: float | None  # error rate of the mean on the dev audio that was heard; None where none was
    best: float | None  # of the best epoch on the same audio; smaller where that epoch alone was taken

    def line(self, rate: str) -> str:
        """What was done and why; ``rate``: the name of the error rate."""
        what = f"mean of {len(self.epochs)} epochs" if len(self.epochs) > 1 else "one epoch alone"
        said = f"{what} (dev {rate}): {listed(self.epochs)}"
        if self.mean is not None:
            said += f"; on dev the mean has {100 * self.mean:.2f} %, the best epoch {100 * self.best:.2f} %"
        return said + (f"; too far from the best: {listed(self.left_out)}" if self.left_out else "")


def average_epochs(exp_dir: Path, count: int, mode: str) -> Averaged:
    """Write average.pth and average.json of at most ``count`` epochs.

    mode: "best" by dev CER, which are also compared on dev with their mean; "last": as they come.
    """
    if count < 1:
        raise InputError(f"--nbest {count}: at least one epoch is needed. Give 1 or more.")
    epochs = choose_epochs(exp_dir, count, mode)
    best = min(epochs, key=lambda epoch: (epoch.cer, -epoch.number))
    chosen = [epoch for epoch in epochs if mode == "last" or is_near(epoch.cer, best.cer)]
    left_out = [epoch for epoch in epochs if epoch not in chosen]
    target, mean_rate, best_rate = exp_dir / "average.pth", None, None
    save_atomically(average([epoch.path for epoch in chosen]), target)
    if mode == "best" and len(chosen) > 1 and (dev := DevErrors.of(exp_dir)):
        mean_rate, best_rate = dev.rate(target), dev.rate(best.path)
        if best_rate < mean_rate:
            chosen = [best]
            save_atomically(load(best.path), target)
    made = Averaged(chosen, left_out, mean_rate, best_rate)
    listed = {"epochs": chosen, "left_out": left_out}
    record = {"mode": mode, "dev_error_of_mean": mean_rate, "dev_error_of_best": best_rate,
              **{name: [{"epoch": epoch.number, "valid_cer": epoch.cer} for epoch in epochs]
                 for name, epochs in listed.items()}}
    write_atomic(exp_dir / "average.json", json.dumps(record, indent=1) + "\n")
    return made


def listed(epochs: list[Epoch]) -> str:
    """Numbers and dev error rates."""
    return ", ".join(f"{epoch.number} ({100 * epoch.cer:.2f} %)" for epoch in epochs)


def is_near(cer: float, best: float) -> bool:
    """Whether an epoch is good enough to be averaged with the best one."""
    right, most = max(0.0, 1 - cer), max(0.0, 1 - best)  # insertions may take a rate beyond 1
    return cer <= (1 + NEAR) * best + 0.01 and right >= (1 - NEAR) * most


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
