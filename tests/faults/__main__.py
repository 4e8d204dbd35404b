"""The kill matrix: every stage of a small recipe killed at random moments, started again, and compared byte by byte.

    python -m tests.faults --kills 200 --seed 1 [--stages 1-13] [--jobs 2] [--cold]

A Python that has its imports behind it (warm.py) runs everything: its stages take a second and not twenty, and kills
strike work and not imports. Two unbroken runs come first and must be equal, with --cold the first of them by Python as
it is. Each stage starts from a copy of the unbroken run's state before it; its kills are spread over its whole
duration, every third of them strikes the run that recovers from the one before. The last row kills one command of all
the stages again and again. Files are compared byte by byte, but for logs, records and the times in RESULTS.md and
history.jsonl.
"""

import argparse
import random
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.markdown import table
from tests.faults.contents import contents, differences
from tests.faults.kills import MOST_SHOWN, Outcome, attempt, copy_house, run
from tests.faults.small_recipe import STAGES, build, words
from tests.faults.warm import LAST_LIGHT, LIGHT, MODULES, Warm
from tests.helpers.house import Recipe

CHAIN = 10  # kills of one run of all stages


class Row(NamedTuple):
    """One line of the table."""

    name: str
    first: int  # stages that the command runs
    last: int
    house: Path  # the state before them
    expected: dict[str, str]  # the contents after them
    seconds: float  # unbroken


class Trial(NamedTuple):
    """One tree with its kills."""

    row: Row
    number: int
    moments: list[float]  # seconds after the command's start


def main(options: argparse.Namespace) -> int:
    """Print the table; the status is 1 when any trial was not equal."""
    first, _, last = options.stages.partition("-")
    stages = [stage for stage in STAGES if int(first) <= stage <= int(last or first)]
    work = Path(tempfile.mkdtemp(prefix="faults.", dir=options.folder))
    with closing(Warm(work, LIGHT if stages[-1] <= LAST_LIGHT else MODULES)) as warm:
        rows = prepare(work, stages, warm, options.cold)
        trials = plan(rows, options.kills, random.Random(options.seed))
        print(f"{options.kills} kills in {len(trials)} trials, seed {options.seed}, {options.jobs} at once", flush=True)
        done = perform_all(work, trials, warm, options.jobs)
    failures = [describe(trial, outcome) for trial, outcome in done if not outcome.equal]
    print(report(rows, done))
    print("\n".join(["failures:", *failures]) if failures else "no failures")
    if not failures:
        shutil.rmtree(work)
    return 1 if failures else 0


def perform_all(work: Path, trials: list[Trial], warm: Warm, jobs: int) -> list[tuple[Trial, Outcome]]:
    """Every trial with what became of it, said as it ends; Ctrl-C ends after those under way."""
    done = []
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(perform, work, trial, warm): trial for trial in trials}
        try:
            for future in as_completed(futures):
                done.append((futures[future], future.result()))
                print(f"{len(done)}/{len(trials)} {describe(*done[-1])}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
    return done


def prepare(work: Path, stages: list[int], warm: Warm, cold: bool) -> list[Row]:
    """Two unbroken runs; of the first a copy before every stage and its contents after it, of the other the time."""
    first, control = build(work / "unbroken"), build(work / "control")
    rows = []
    for stage in STAGES[: stages[-1]]:
        house = work / f"before.{stage}"
        if stage in stages:
            copy_house(work / "unbroken", house)
        results = [run(first, words(stage, stage), None if cold else warm), run(control, words(stage, stage), warm)]
        if any(status for status, _, _ in results):
            raise SystemExit("\n".join(output for _, output, _ in results))
        expected, (*_, seconds) = contents(first.folder), results[1]
        if odd := differences(contents(control.folder), expected):
            raise SystemExit(f"two unbroken runs differ after stage {stage}: {odd[:MOST_SHOWN]}")
        print(f"stage {stage}: {results[0][-1]:.1f} and {seconds:.1f} s, {len(expected)} files, equal", flush=True)
        if stage in stages:
            rows.append(Row(str(stage), stage, stage, house, expected, seconds))
    if len(stages) > 1:
        total = sum(row.seconds for row in rows)
        rows.append(Row(f"{stages[0]}-{stages[-1]}", stages[0], stages[-1], rows[0].house, rows[-1].expected, total))
    return rows


def plan(rows: list[Row], kills: int, chance: random.Random) -> list[Trial]:
    """The kills shared out over the rows, one in every stretch of a stage's duration; trials in any order."""
    trials = []
    for index, row in enumerate(rows):
        count = kills // len(rows) + (index >= len(rows) - kills % len(rows))
        if row.last > row.first:  # each start goes on for a part of the whole
            moments, size = [chance.uniform(0.02, 0.3) * row.seconds for _ in range(count)], [CHAIN]
        else:
            moments = [row.seconds * (place + chance.random()) / count for place in range(count)]
            chance.shuffle(moments)
            size = [1, 2]
        number = 0
        while moments:
            length = size[number % len(size)]
            trials.append(Trial(row, number, moments[:length]))
            moments, number = moments[length:], number + 1
    chance.shuffle(trials)
    return trials


def perform(work: Path, trial: Trial, warm: Warm) -> Outcome:
    """In a copy of the state before; a strike that comes too late is repeated earlier, so that the kills are as many
    as were asked for. What failed stays for a look."""
    row, moments, kills = trial.row, list(trial.moments), 0
    while True:
        place = copy_house(row.house, work / f"trial.{row.name}.{trial.number}")
        outcome = attempt(Recipe(place, "mini"), words(row.first, row.last), moments, row.expected, warm)
        kills += outcome.kills
        if not outcome.equal:
            return outcome._replace(kills=kills)
        shutil.rmtree(place)
        moments = [0.8 * moment for moment in moments[outcome.kills :]]
        if not moments:
            return outcome._replace(kills=kills)


def describe(trial: Trial, outcome: Outcome) -> str:
    """What became of a trial, in one line."""
    moments = ", ".join(f"{moment:.2f}" for moment in trial.moments)
    what = "equal" if outcome.equal else "FAILED, not equal" if outcome.recovered else "FAILED, not recovered"
    shown = "; ".join(["", *outcome.problems[:MOST_SHOWN]])
    return f"stage {trial.row.name}, trial {trial.number}, killed at {moments} s: {what}{shown}"


def report(rows: list[Row], done: list[tuple[Trial, Outcome]]) -> str:
    """Markdown: kills and trials by stage."""
    lines = []
    sums = [0, 0, 0, 0]
    for row in rows:
        mine = [outcome for trial, outcome in done if trial.row == row]
        counts = [sum(one.kills for one in mine), len(mine), sum(one.recovered for one in mine),
                  sum(one.equal for one in mine)]
        sums = [before + now for before, now in zip(sums, counts, strict=True)]
        lines.append([row.name, f"{row.seconds:.1f}", *counts])
    return "\n".join(table(["stage", "seconds", "kills", "trials", "recovered", "equal"], [*lines, ["all", "", *sums]]))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", default="1-13", help="one stage or a range (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="trials at once (default: %(default)s)")
    parser.add_argument("--cold", action="store_true", help="make one of the unbroken runs without the warm Python")
    parser.add_argument("--folder", type=Path, help="where the trees grow (default: the system's temporary folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main(get_parser().parse_args()))
