"""One trial of the matrix: a command killed with SIGKILL at given moments, started again, and what came of it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.faults.contents import contents, differences, half_written
from tests.recipes.conftest import Recipe

PATIENCE_SECONDS = 900.0  # for a run to end, on a machine with much else to do
MOST_SHOWN = 5


class Outcome(NamedTuple):
    """What became of one trial."""

    kills: int
    recovered: bool  # the command that was started again ended with status 0
    problems: list[str]  # empty when all files are those of the unbroken run

    @property
    def equal(self) -> bool:
        return self.recovered and not self.problems


def copy_house(house: Path, place: Path) -> Path:
    """A house of its own, all times kept: the records of the stages know files by them.

    No hard links: logs are truncated in place.
    """
    shutil.copytree(house, place, symlinks=True)
    return place


def kill_at(recipe: Recipe, words: Sequence[str], moment: float) -> bool:
    """Start the recipe, kill its whole process group after ``moment`` seconds; False where it ended before."""
    process = recipe.start(*words, start_new_session=True)
    try:
        process.communicate(timeout=moment)
        return False
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE_SECONDS)  # ends with the last process that holds our pipes
        return True


def run(recipe: Recipe, words: Sequence[str]) -> tuple[int, str, float]:
    """Status, output and seconds of a run that nobody disturbs."""
    started = time.monotonic()
    process = recipe.start(*words, start_new_session=True)
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return -1, out + err + f"\nstill running after {PATIENCE_SECONDS:.0f} s", PATIENCE_SECONDS
    return process.returncode, out + err, time.monotonic() - started


def attempt(recipe: Recipe, words: Sequence[str], moments: Sequence[float], expected: dict[str, str]) -> Outcome:
    """Kill the command at each of ``moments`` in turn, start it once more, and compare with ``expected``."""
    kills = 0
    for moment in moments:
        if not kill_at(recipe, words, moment):
            break
        kills += 1
    status, output, _ = run(recipe, words)
    if status != 0:
        return Outcome(kills, False, output.splitlines()[-MOST_SHOWN:])
    problems = differences(contents(recipe.folder), expected)
    problems += [f"{name} was left behind" for name in half_written(recipe.folder)]
    if "Traceback" in output or "another run" in output:
        problems.append(output)
    return Outcome(kills, True, problems)
