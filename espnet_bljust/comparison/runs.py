"""The runs of a comparison: their names, what they were made with, and the call of run.sh."""

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import NamedTuple

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


def note_options(exp_dir: Path, values: dict) -> None:
    """Which options of the description a run has; scores of other ones are removed, lest a failed run leave them."""
    path, text = exp_dir / OPTIONS_FILE, options_text(values)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        for result in exp_dir.glob("decode_*/*/score_*/result.txt"):
            result.unlink()
    exp_dir.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text)


def is_scored(exp_dir: Path, result: str, values: dict) -> bool:
    """Whether this result is there, and of a run with these options; one without a note is taken for such."""
    noted = exp_dir / OPTIONS_FILE
    return (exp_dir / result).is_file() and (
        not noted.is_file() or noted.read_text(encoding="utf-8") == options_text(values))


def options_text(values: dict) -> str:
    """What a note of these options says."""
    return json.dumps(values, indent=1, default=str) + "\n"


def option_words(values: dict, options: argparse.Namespace, fold: int = 0) -> list[str]:
    """As run.sh takes them."""
    dumpdir = options.dumpdir
    if fold:
        values, dumpdir = folds.options_of(values, fold), folds.dumpdir(options.dumpdir, fold)
    words = ["--dumpdir", str(dumpdir), "--use_ngram", "false"]  # greedy alone, where the description says no other
    for name, value in (values or {}).items():
        words += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    return [*words, *options.run_args.split()]


def scored(description: dict) -> list[str]:
    """Which sets are decoded; each task says so itself."""
    sets = [] if "tasks" in description else ["--test_sets", description["test_set"], "--eval_valid_set", "false"]
    return ["--use_ngram", "false", *sets]


def run_recipe(words: list[str], options: argparse.Namespace) -> None:
    """This process becomes run.sh."""
    if options.dry_run:
        print("$", shlex.join(["./run.sh", *words]))
        return
    os.execv("./run.sh", ["./run.sh", *words])
