"""A run's history.jsonl as columns of numbers over optimizer steps.

One JSON object a line, `"kind": "train"` every so many steps and `"kind": "valid"` after each epoch. A run that was
killed may end in half a line; where one step stands twice, the later line counts.
"""

import json
import math
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from espnet_bljust.errors import InputError

Row = dict[str, Any]


class Span(NamedTuple):
    """Steps ``first`` to ``last`` (optimizer steps, both included) spent in one phase."""

    phase: str
    first: int
    last: int


class History(NamedTuple):
    """Rows of both kinds, ordered by step, at most one a step."""

    train: list[Row]
    valid: list[Row]

    def spans(self) -> list[Span]:
        """The phases in order; with `schedule: paper` exploration and joint take turns."""
        rows = [row for row in self.train if row.get("phase")] or [row for row in self.valid if row.get("phase")]
        spans: list[Span] = []
        for phase, group in groupby(rows, key=lambda row: row["phase"]):
            steps = [row["step"] for row in group]
            spans.append(Span(phase, spans[-1].last if spans else steps[0], steps[-1]))
        return spans


def read_history(path: Path) -> History:
    """Read and check; an unreadable line other than the last is an InputError with its number."""
    if not path.is_file():
        raise InputError(f"{path}: no such file. Train first (stages 8 to 10).")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows: dict[str, dict[int, Row]] = {"train": {}, "valid": {}}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            rows[row["kind"]][int(row["step"])] = row
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                break
            raise InputError(
                f"{path}:{number}: not a line of history (kind and step wanted). Remove it, and start the stage again."
            ) from error
    if not rows["train"] and not rows["valid"]:
        raise InputError(f"{path}: holds no step yet. Train first (stages 8 to 10).")
    return History(*([kind[step] for step in sorted(kind)] for kind in rows.values()))


def column(rows: list[Row], name: str) -> np.ndarray:
    """(row,) float64 of one entry; NaN where it is absent, null or not finite."""
    return np.array([_number(row.get(name)) for row in rows], dtype=np.float64)


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_number else math.nan


def training_seconds(history: Path) -> float:
    """Each row holds the mean of the steps since the row before."""
    rows = read_history(history).train
    before = [0, *(row["step"] for row in rows)]
    return sum((row["step"] - last) * (row.get("seconds") or 0.0) for row, last in zip(rows, before, strict=False))
