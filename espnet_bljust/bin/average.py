"""Average the n best (by dev CER) or the last n epochs of an experiment: average.pth and average.json.

Means are taken in float64 and cast back. Integer buffers, such as counters of steps, come from the newest epoch:
their mean has no meaning, and their sum, which ESPnet's own averaging takes, neither.
"""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from espnet_bljust.command import run
from espnet_bljust.disk.settings_file import run_settings
from espnet_bljust.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


class Epoch(NamedTuple):
    """A saved epoch and its character error rate on the development set, a fraction."""

    number: int
    cer: float
    path: Path


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment with history.jsonl and <n>epoch.pth")
    parser.add_argument("--nbest", type=int, default=5, help="how many epochs; fewer where fewer were kept")
    parser.add_argument("--mode", choices=["best", "last"], default="best", help="lowest dev CER, or the latest")
    return parser


def main(options: argparse.Namespace) -> None:
    """Choose, average, write, say which epochs it was."""
    from espnet_bljust.disk.files import write_atomic
    from espnet_bljust.scoring.measures import measures
    from espnet_bljust.weights.checkpoint import save_atomically

    if options.nbest < 1:
        raise InputError(f"--nbest {options.nbest}: at least one epoch is needed. Give 1 or more.")
    chosen = choose_epochs(options.exp_dir, options.nbest, options.mode)
    target = options.exp_dir / "average.pth"
    save_atomically(average([epoch.path for epoch in chosen]), target)
    record = {"mode": options.mode, "epochs": [{"epoch": epoch.number, "valid_cer": epoch.cer} for epoch in chosen]}
    write_atomic(options.exp_dir / "average.json", json.dumps(record, indent=1) + "\n")
    names = ", ".join(f"{epoch.number} ({100 * epoch.cer:.2f} %)" for epoch in chosen)
    rate = measures(run_settings(options.exp_dir)).rate
    print(f"{target}: mean of {len(chosen)} {'epoch' if len(chosen) == 1 else 'epochs'} (dev {rate}): {names}")


def choose_epochs(exp_dir: Path, count: int, mode: str) -> list[Epoch]:
    """Saved epochs with a CER in the history, oldest first; of equal CERs the later epoch is preferred.

    Exploration has moved the trunk away from under the CTC head: its epochs serve only where there is no other.
    """
    from espnet_bljust.scoring.history import read_history

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


def average(paths: list[Path]) -> "dict[str, Tensor]":
    """Mean of the floating tensors of ``paths``, oldest first; the others as in the last one. One is held at a time."""
    from espnet_bljust.weights.checkpoint import load

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


def check_alike(path: Path, state: "dict[str, Tensor]", first: Path, expected: "dict[str, Tensor]") -> None:
    """Same names and shapes as the epoch before, or an error that names the file and one tensor."""
    odd = sorted(state.keys() ^ expected.keys())
    odd = odd or sorted(name for name in state if state[name].shape != expected[name].shape)
    if odd:
        raise InputError(
            f"{path}: {odd[0]} differs from {first.name} in name or shape. Average epochs of one model: "
            "remove the files of another."
        )


if __name__ == "__main__":
    run(build_parser(), main)
