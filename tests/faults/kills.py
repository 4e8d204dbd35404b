"""One trial of the matrix: a command killed with SIGKILL at given moments, started again, and what came of it."""

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.faults.contents import contents, differences, half_written
from tests.faults.warm import NAME, Warm
from tests.helpers.house import Recipe

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


def start(recipe: Recipe, words: Sequence[str], warm: Warm | None) -> subprocess.Popen:
    """In a process group of its own; with ``warm``, its Python is that."""
    recipe.environment[NAME] = uuid.uuid4().hex
    more = ("--python", str(warm.python)) if warm else ()
    return recipe.start(*words, *more, start_new_session=True)


def kill(recipe: Recipe, process: subprocess.Popen, warm: Warm | None) -> None:
    """SIGKILL to the whole process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if warm:
        warm.kill(recipe.environment[NAME])


def kill_at(recipe: Recipe, words: Sequence[str], moment: float, warm: Warm | None = None) -> bool:
    """Start the recipe, kill it after ``moment`` seconds; False where it ended before."""
    process = start(recipe, words, warm)
    try:
        process.communicate(timeout=moment)
        return False
    except subprocess.TimeoutExpired:
        kill(recipe, process, warm)
        process.communicate(timeout=PATIENCE_SECONDS)  # ends with the last process that holds our pipes
        return True


def run(recipe: Recipe, words: Sequence[str], warm: Warm | None = None) -> tuple[int, str, float]:
    """Status, output and seconds of a run that nobody disturbs."""
    started = time.monotonic()
    process = start(recipe, words, warm)
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        kill(recipe, process, warm)
        out, err = process.communicate()
        return -1, out + err + f"\nstill running after {PATIENCE_SECONDS:.0f} s", PATIENCE_SECONDS
    return process.returncode, out + err, time.monotonic() - started


def attempt(
    recipe: Recipe, words: Sequence[str], moments: Sequence[float], expected: dict[str, str], warm: Warm | None = None
) -> Outcome:
    """Kill the command at each of ``moments`` in turn, start it once more, and compare with ``expected``."""
    kills = 0
    for moment in moments:
        if not kill_at(recipe, words, moment, warm):
            break
        kills += 1
    status, output, _ = run(recipe, words, warm)
    if status != 0:
        return Outcome(kills, False, output.splitlines()[-MOST_SHOWN:])
    problems = differences(contents(recipe.folder), expected)
    problems += [f"{name} was left behind" for name in half_written(recipe.folder)]
    if "Traceback" in output or "another run" in output:
        problems.append(output)
    return Outcome(kills, True, problems)
