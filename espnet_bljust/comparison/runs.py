"""The runs of a comparison: their names, what they were made with, and the call of run.sh."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from espnet_bljust.comparison import folds
from espnet_bljust.disk.files import write_atomic

OPTIONS_FILE = "compare_options.json"  # in a run's folder: the arm's options when it ran


class Job(NamedTuple):
    """One arm with one seed."""

    arm: str
    seed: int
    fold: int = 0  # from 1; 0 where there are no folds

    @property
    def tag(self) -> str:
        return f"{self.arm}_seed{self.seed}" + (f"_fold{self.fold}" if self.fold else "")


def note_options(exp_dir: Path, values: Mapping[str, Any]) -> None:
    """Which options of the description a run has; scores of other ones get another name, lest they count as its own."""
    path, text = exp_dir / OPTIONS_FILE, options_text(values)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        for result in exp_dir.glob("decode_*/*/score_*/result.txt"):
            result.replace(result.with_name("result.earlier.txt"))
    exp_dir.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text)


def is_scored(exp_dir: Path, result: str, values: Mapping[str, Any]) -> bool:
    """Whether this result is there, and of a run with these options; one without a note is taken for such."""
    noted = exp_dir / OPTIONS_FILE
    return (exp_dir / result).is_file() and (
        not noted.is_file() or noted.read_text(encoding="utf-8") == options_text(values))


def options_text(values: Mapping[str, Any]) -> str:
    """What a note of these options says."""
    return json.dumps(values, indent=1, default=str) + "\n"


class Recipe(NamedTuple):
    """run.sh of this folder, with what every call of it has in one comparison."""

    expdir: Path = Path("exp")
    dumpdir: Path = Path("dump")
    ngpu: int = 0
    run_args: Sequence[str] = ()
    dry_run: bool = False  # show the call and do not make it

    def option_words(self, values: Mapping[str, Any], fold: int = 0) -> list[str]:
        """Options as run.sh takes them."""
        dumpdir = self.dumpdir
        if fold:
            values, dumpdir = folds.options_of(values, fold), folds.dumpdir(self.dumpdir, fold)
        words = ["--dumpdir", str(dumpdir)]
        for name, value in values.items():
            words += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
        return [*words, *self.run_args]

    def run(self, words: Sequence[str]) -> None:
        """This process becomes run.sh."""
        if self.dry_run:
            print("$", shlex.join(["./run.sh", *words]))
            return
        os.execv("./run.sh", ["./run.sh", *words])
