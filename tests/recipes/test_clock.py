"""The wall clock set back and forth between stages and in the middle of one: no decision depends on its order."""

import os
import random
import re
import shutil
import subprocess

import pytest

from tests.recipes.test_stages import ROOT, ran, up_to_date

YEARS = ("-20y", "+10y", "-3d", "+2h", "-1h")


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed: apt-get install faketime")
def test_stages_made_in_different_years_are_those_of_one_afternoon(finished):
    recipe, whole = finished, finished.files()
    for top in ("data", "dump"):
        shutil.rmtree(recipe.folder / top)
    for stage, shift in enumerate(YEARS, 1):
        words = ["faketime", "-f", shift, recipe.folder / "run.sh", "--stage", str(stage), "--stop_stage", str(stage)]
        environment = {**recipe.environment, "NO_FAKE_STAT": "1", "DONT_FAKE_MONOTONIC": "1"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert recipe.files() == whole
    assert up_to_date(recipe.run("--stop_stage", "5")) == [1, 3, 4, 5]


def test_files_dated_to_any_year_are_up_to_date_but_recordings_and_a_change_is_seen(finished):
    """As a clock that jumped while they were written, or a copy without times, leaves them.

    A recording is known by size and time alone: stage 3 makes it again, and the same comes out.
    """
    chance = random.Random(5)
    for top in ("data", "dump", "downloads"):
        for path in (finished.folder / top).rglob("*"):
            if path.is_file() and ".stages" not in path.parts:
                os.utime(path, ns=(0, chance.randrange(2**60)))
    assert up_to_date(finished.run("--stop_stage", "5")) == [1, 4, 5]
    text = finished.folder / "data/train/text"
    text.write_text(text.read_text().replace("three", "eight"))  # as long as before
    os.utime(text, ns=(0, 10**9))  # older than every record
    output = finished.run("--stop_stage", "5")
    assert ran(output) == [3, 4, 5] and "runs again: data/train/text has changed" in output


def test_no_code_of_ours_compares_times_of_files_or_of_day():
    """What is left says when, or whether a file is the same: equal times, never earlier ones."""
    times = r"(?:mtime(?:_ns)?|ctime|time\.time\(\))"
    ordered = re.compile(rf"{times}\s*[<>]|[<>]=?\s*\S*{times}| -[no]t ")
    found = [f"{path.relative_to(ROOT)}:{number}" for top in ("espnet_bljust", "local", "egs2")
             for path in sorted((ROOT / top).rglob("*")) if path.suffix in (".py", ".sh")
             for number, line in enumerate(path.read_text().splitlines(), 1) if ordered.search(line)]
    assert found == []
