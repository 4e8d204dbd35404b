"""Fuzz the readers: damaged copies of small real files must give a result or an InputError of one line, and no more.

    python3 -m tests.fuzz --minutes 60 --seed 0        findings go to fuzz_findings/, a folder each; status 1 where any

A case passes when its reader returns or raises InputError, within LONGEST_SECONDS of CPU time and MOST_BYTES of memory,
and makes no file beside its folder. Cases that reach lines which none before them reached are damaged further.
Each slice runs in a process of its own, whose death is a finding too.
"""

import argparse
import collections
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from espnet_bljust.command import shown
from tests.fuzz.coverage import Lines
from tests.fuzz.mutate import mutate
from tests.fuzz.targets import ROOT, InputError, Target, targets, write

SLICE_SECONDS = 8.0  # of one target, then the next one
LONGEST_SECONDS = 5.0  # CPU time of a case
HUNG_SECONDS = 120.0  # wall time without a word from a slice
MOST_BYTES = 256 << 20  # that a case may add to the process's largest size in memory
MOST_ADDRESSES = 4 << 30  # that it may reserve
POOL = 150  # cases of a target that are damaged further


class TooSlow(BaseException):
    """More CPU time than a small file may take."""


def judge(target: Target, case: dict[str, bytes], work: Path, *, limited: bool = True) -> str:
    """What is wrong with how ``target`` takes the case; empty where nothing is. ``work`` is emptied first."""
    shutil.rmtree(work, ignore_errors=True)
    folder = work / "case"
    try:
        write(case, folder)
    except (OSError, ValueError):
        return ""  # no such file can be
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    before = peak_bytes()
    signal.setitimer(signal.ITIMER_PROF, LONGEST_SECONDS if limited else 0)
    try:
        target.read(folder)
        wrong = ""
    except InputError as error:
        wrong = wrong_message(shown(error), target.lines)
    except OSError as error:  # command.py makes one line of these, too
        wrong = "" if error.strerror else f"OSError without a reason at {place(error)}: {error}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        wrong = f"{type(error).__name__} at {place(error)}: {str(error)[:300]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if not wrong and peak_bytes() - before > MOST_BYTES:
        wrong = f"memory: {(peak_bytes() - before) >> 20} MB"
    if not wrong and (beside := sorted(path.name for path in work.iterdir() if path != folder)):
        wrong = f"file outside: {beside}"
    return "file outside: outside" if list(folder.glob("**/outside")) else wrong


def wrong_message(message: str, lines: int) -> str:
    if message.count("\n") >= lines:
        return f"message of {message.count(chr(10)) + 1} lines: {message[:300]!r}"
    return ""


def place(error: BaseException) -> str:
    """The innermost line of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/espnet_bljust/" in frame.filename or "/egs2/" in frame.filename]
    frame = (ours or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def peak_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def slice_of(name: str, target: Target, pool: list, lines: Lines, seed: str, seconds: float, work: Path, pipe) -> None:
    """Damaged cases of one target for ``seconds``; what was found goes into ``pipe``."""
    import resource

    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST_ADDRESSES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    signal.signal(signal.SIGPROF, too_slow)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)  # libraries' own complaints
    chance, count, found, kept = random.Random(seed), 0, [], []
    lines.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        case = mutate(chance.choice(pool), chance, pool)
        wrong = judge(target, case, work)
        count += 1
        if count % 50 == 0:
            pipe.send(None)
        if wrong:
            found.append((wrong, case))
            if wrong.startswith("memory"):
                break  # the largest size never falls
        elif lines.take_new() and len(pool) < POOL:
            pool.append(case)
            kept.append(case)
    pipe.send((count, found, kept, lines.seen))


def too_slow(*_) -> None:
    raise TooSlow


def run_slice(name: str, target: Target, pool: list, lines: Lines, seed: str, seconds: float, work: Path) -> tuple:
    """(executions, findings); a process that died or hung is a finding with the case it was at."""
    here, there = multiprocessing.Pipe(duplex=False)
    arguments = (name, target, pool, lines, seed, seconds, work, there)
    process = multiprocessing.get_context("fork").Process(target=slice_of, args=arguments)
    process.start()
    there.close()
    count, last = 0, None
    try:
        while here.poll(HUNG_SECONDS):
            last = here.recv()
            if last is not None:
                break
            count += 50
        wrong = "hang" if last is None else ""
    except EOFError:
        wrong = "died"
    if wrong == "hang":
        process.kill()
    process.join()
    if last is None or wrong:
        case = {str(path.relative_to(work / "case")): path.read_bytes() for path in (work / "case").rglob("*")
                if path.is_file()}  # fmt: skip
        return count, [(f"{wrong or 'died'} with status {process.exitcode}", case)]
    count, found, kept, seen = last
    pool += kept
    lines.seen |= seen
    return count, found


def keep(name: str, wrong: str, case: dict[str, bytes], out: Path) -> bool:
    """Write a finding that is new; of equal ones the smallest stays."""
    kind = wrong.split(": ")[0]
    folder = out / f"{name}-{hashlib.blake2b(kind.encode(), digest_size=4).hexdigest()}"
    size = sum(map(len, case.values()))
    new = not folder.exists()
    if new or size < json.loads((folder / "finding.json").read_text())["bytes"]:
        shutil.rmtree(folder, ignore_errors=True)
        write(case, folder / "case")
        report = {"target": name, "wrong": wrong, "bytes": size}
        (folder / "finding.json").write_text(json.dumps(report, indent=1) + "\n")
    return new


def fuzz(minutes: float, seed: int, chosen: list[str], out: Path) -> tuple[collections.Counter, list[str]]:
    """Executions by target, and what is wrong, a line a kind."""
    all_targets = targets()
    pools = {name: list(all_targets[name].cases) for name in chosen or all_targets}
    lines, counts, wrongs = Lines(ROOT), collections.Counter(), []
    end, turn = time.monotonic() + 60 * minutes, 0
    with tempfile.TemporaryDirectory(prefix="fuzz.") as work:
        for name in pools:  # what is imported late is imported before anything is timed
            for case in all_targets[name].cases:
                judge(all_targets[name], case, Path(work) / "x", limited=False)
        while (left := end - time.monotonic()) > 0:
            for name, pool in pools.items():
                seconds = max(0.05, min(SLICE_SECONDS, left / len(pools)))
                count, found = run_slice(name, all_targets[name], pool, lines, f"{seed} {name} {turn}", seconds,
                                         Path(work) / "x")
                counts[name] += count
                for wrong, case in found:
                    if keep(name, wrong, case, out):
                        wrongs.append(f"{name}: {wrong}")
                        print(f"FINDING {wrongs[-1]}", flush=True)
            turn += 1
            print(f"turn {turn}: {counts.total()} executions, {len(lines.seen)} lines reached, {len(wrongs)} findings",
                  flush=True)  # fmt: skip
    return counts, wrongs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", nargs="*", default=[], help="names; all where none is given")
    parser.add_argument("--out", type=Path, default=Path("fuzz_findings"))
    options = parser.parse_args()
    counts, wrongs = fuzz(options.minutes, options.seed, options.targets, options.out.absolute())
    for name, count in sorted(counts.items()):
        print(f"{name:<16} {count:>9}")
    print(f"{counts.total()} executions, {len(wrongs)} kinds of findings")
    sys.exit(bool(wrongs))


if __name__ == "__main__":
    main()
