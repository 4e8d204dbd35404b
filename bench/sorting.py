"""Sorting and joining on disk: disk/sorting.py beside sqlite3 and GNU sort, CPU seconds and peak memory.

    .venv/bin/python bench/sorting.py                       # three minutes

A million records far from sorted: an id, a path, a transcript; some 140 bytes each. To join: as many again, of speakers
under the same ids. Each way is a process of its own that reads its result to the end, and they take turns; CPU seconds
with those of children, less what it takes to make the records; memory above what the process had before. sqlite3 gets
as much cache as a run of ours holds (10 MB) and writes no journal; GNU sort, the same buffer. All must give the same,
by a running checksum. Writes a table in Markdown.
"""

import argparse
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from helpers.result import RESULTS, header, tell
from helpers.timing import median_ratio

from espnet_bljust.disk.sorting import BETWEEN, grouped, record, sorted_lines
from espnet_bljust.markdown import row, table

CACHE_MB = 10
WORDS = "the same words as many as librispeech has in one of its sentences in the mean which are about".split()
Joined = Iterator[tuple[str, list[list[str]]]]


def recordings(count: int) -> Iterator[str]:
    """``count`` records, far from sorted, never held at once."""
    rng = random.Random(0)
    for number in range(count):
        name = f"{number * 2654435761 % count:09d}"  # each once: the factor is odd, and count a power of two
        yield record(name, f"corpus/{name[:4]}/{name}.flac", " ".join(rng.choices(WORDS, k=18)))


def both(count: int) -> Iterator[str]:
    """The same, then as many speakers under the same ids, in another order."""
    yield from recordings(count)
    for number in range(count):
        name = f"{number * 40503 % count:09d}"
        yield record(name, f"speaker-{name[:4]}")


def ours_sorted(lines: Iterable[str], folder: Path) -> Iterator[str]:
    """disk/sorting.py."""
    return sorted_lines(lines, folder)


def ours_joined(lines: Iterable[str], folder: Path) -> Joined:
    """disk/sorting.py: both lists in one, grouped by the first field."""
    return grouped(lines, folder)


def _database(folder: Path) -> sqlite3.Connection:
    os.environ["SQLITE_TMPDIR"] = str(folder)
    base = sqlite3.connect(folder / "base.sqlite", isolation_level=None)
    for setting in (f"cache_size=-{1000 * CACHE_MB}", "journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE"):
        base.execute(f"PRAGMA {setting}")
    base.execute("BEGIN")
    return base


def sqlite_sorted(lines: Iterable[str], folder: Path) -> Iterator[str]:
    """A table without an index, read by ORDER BY: sqlite's external merge sort."""
    base = _database(folder)
    base.execute("CREATE TABLE lines (line TEXT)")
    base.executemany("INSERT INTO lines VALUES (?)", ((line,) for line in lines))
    for (line,) in base.execute("SELECT line FROM lines ORDER BY line"):
        yield line


def sqlite_joined(lines: Iterable[str], folder: Path) -> Joined:
    """A table of key and rest, read by ORDER BY; a JOIN of two tables would look up every key in a second index."""
    base = _database(folder)
    base.execute("CREATE TABLE records (key TEXT, rest TEXT)")
    base.executemany("INSERT INTO records VALUES (?, ?)", (line.split(BETWEEN, 1) for line in lines))
    key, group = None, []
    for name, rest in base.execute("SELECT key, rest FROM records ORDER BY key, rest"):
        if name != key and group:
            yield key, group
            group = []
        key = name
        group.append(rest.split(BETWEEN))
    if group:
        yield key, group


def gnu_sorted(lines: Iterable[str], folder: Path) -> Iterator[str]:
    """sort in a process of its own."""
    command = ["sort", f"--buffer-size={CACHE_MB}M", f"--temporary-directory={folder}", "--parallel=1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
                          env={**os.environ, "LC_ALL": "C"}) as process:
        def feed() -> None:
            with process.stdin as sink:
                sink.writelines(f"{line}\n" for line in lines)

        writer = threading.Thread(target=feed)
        writer.start()
        for line in process.stdout:
            yield line[:-1]
        writer.join()


WAYS: dict[str, dict[str, Callable]] = {
    "sort": {"ours": ours_sorted, "sqlite3": sqlite_sorted, "GNU sort": gnu_sorted},
    "join": {"ours": ours_joined, "sqlite3": sqlite_joined},
}


def main(options: argparse.Namespace) -> None:
    """All of it; with ``--one`` one way, in this process."""
    if options.one:
        print(json.dumps(one(*options.one.split(":"), options.count, options.folder)))
    else:
        tell(measured(options), options.out)


def measured(options: argparse.Namespace) -> Iterator[str]:
    """A row a task and way."""
    heads = ["task", "records", "by", "CPU s", "times ours", "peak MB more"]
    yield from [*header(options.rounds, 1, ()), f"SQLite {sqlite3.sqlite_version}.", "", *table(heads, align="lrlrrr")]
    for task, ways in WAYS.items():
        told: dict[str, list[dict]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, results in told.items():
                words = [sys.executable, __file__, "--one", f"{task}:{way}", "--count", str(options.count)]
                words += ["--folder", str(options.folder)] if options.folder else []
                results.append(json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout))
        assert len({result["checksum"] for results in told.values() for result in results}) == 1
        cpu = {way: [result["cpu"] for result in results] for way, results in told.items()}
        for way, results in told.items():
            yield row([task, f"{options.count:,}", way, f"{statistics.median(cpu[way]):.1f}",
                       f"{median_ratio(cpu['ours'], cpu[way]):.2f}",
                       f"{statistics.median(result['megabytes'] for result in results):.0f}"])


def one(task: str, way: str, count: int, place: Path | None) -> dict[str, float]:
    """CPU seconds, megabytes and a checksum of what comes out."""
    make = {"sort": recordings, "join": both}[task]
    began = cpu_seconds()
    for _ in make(count):
        pass
    making, before, checksum = cpu_seconds() - began, memory("VmRSS"), 0
    began = cpu_seconds()
    with tempfile.TemporaryDirectory(dir=place) as folder:
        for result in WAYS[task][way](make(count), Path(folder)):
            checksum = zlib.crc32(str(result).encode(), checksum)
    child = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = max(memory("VmHWM") - before, child - before if child else 0)
    return {"cpu": cpu_seconds() - began - making, "megabytes": peak / 1e6, "checksum": checksum}


def cpu_seconds() -> float:
    """Of this process and the children that have ended."""
    return sum(getattr(resource.getrusage(who), field) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
               for field in ("ru_utime", "ru_stime"))


def memory(field: str) -> int:
    """VmRSS, now, or VmHWM, at the peak; bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[field].split()[0]) * 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2**20, help="records; a power of two")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where they are sorted (default: the temporary folder)")
    parser.add_argument("--out", type=Path, default=RESULTS / "sorting.md")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    main(parser.parse_args())
