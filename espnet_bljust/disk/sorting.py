"""Sorting on disk: lines of any number, some ten thousand of them in memory at a time.

Runs of RUN_LINES are sorted and written, and every MOST_RUNS runs of one level merged to one of the next, so that the
number of open files stays small: at most MOST_RUNS a level. sqlite3 takes twice the time and memory (bench/sorting.py).
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import batched, groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from espnet_bljust.disk.files import named
from espnet_bljust.errors import InputError

RUN_LINES = 20_000  # sorted in memory at a time: about 10 MB
MOST_RUNS = 64  # merged at a time
LINES = {"encoding": "utf-8", "errors": "surrogateescape", "newline": "\n"}
BETWEEN = "\0"  # sorts before every character of an id, so that records sort as their first fields do


def record(*fields: str) -> str:
    """``fields`` as one line, which ``split(BETWEEN)`` takes apart again."""
    if any(BETWEEN in field or "\n" in field for field in fields):
        raise InputError(f"{fields!r}: a line break or NUL in it. Rename the file, or mend its transcript.")
    return BETWEEN.join(fields)


def grouped(records: Iterable[str], folder: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """First field of ``record`` lines and the other fields of all lines that share it, by first field; sorted."""
    split = (line.split(BETWEEN) for line in sorted_lines(records, folder))
    for key, group in groupby(split, key=lambda fields: fields[0]):
        yield key, [fields[1:] for fields in group]


def sorted_lines(lines: Iterable[str], folder: Path) -> Iterator[str]:
    """``lines``, none with a line break in it, in order of their code points; many are sorted in ``folder``.

    Its files have no name there, so that a kill leaves nothing behind.
    """
    with ExitStack() as opened:
        write = partial(_write, folder, opened)
        levels: list[list[IO[str]]] = []  # of runs, each level MOST_RUNS times as long as the one before
        for batch in batched(lines, RUN_LINES):
            _add(levels, 0, write(sorted(batch)), write)
        yield from _merged([run for level in levels for run in level])


def _add(levels: list[list[IO[str]]], level: int, run: IO[str], write: Callable[[Iterable[str]], IO[str]]) -> None:
    if level == len(levels):
        levels.append([])
    levels[level].append(run)
    if len(levels[level]) == MOST_RUNS:
        full, levels[level] = levels[level], []
        _add(levels, level + 1, write(_merged(full)), write)


def _write(folder: Path, opened: ExitStack, lines: Iterable[str]) -> IO[str]:
    with named(folder):
        run = opened.enter_context(TemporaryFile("w+", dir=folder, **LINES))
        run.writelines(f"{line}\n" for line in lines)
        run.seek(0)
    return run


def _merged(runs: list[IO[str]]) -> Iterator[str]:
    yield from heapq.merge(*((line[:-1] for line in run) for run in runs))
    for run in runs:
        run.close()


def open_lines(path: Path, mode: str) -> IO[str]:
    """A file of lines that end in a line feed alone; names that are no UTF-8 pass through."""
    return open(path, mode, **LINES)
