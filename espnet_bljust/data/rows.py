"""A data directory of any size from rows in any order: sorted on disk, a few thousand rows in memory at a time.

`KaldiDir` holds a corpus in memory, about a kilobyte an utterance; this is for corpora of hundreds of thousands.
"""

import heapq
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import batched, groupby
from pathlib import Path
from typing import IO, NamedTuple

from espnet_bljust.data.files import fresh_dir, swap_dir, sync, temporary_dir
from espnet_bljust.data.tables import table_line
from espnet_bljust.errors import InputError

RUN_ROWS = 20_000  # rows sorted in memory at a time: about 10 MB
BETWEEN = "\0"  # sorts before every character of an id, so that lines sort as their first fields do


class Row(NamedTuple):
    """One utterance that is a whole recording."""

    utterance: str
    speaker: str
    audio: str  # entry of wav.scp
    text: str | None = None


def grow_sets(folder: Path, sets: Mapping[str, Iterable[Row]], *, without_text: Container[str] = ()) -> list[str]:
    """``<folder>/<set>.tmp`` for every set; what is wrong: ids that come twice in a set, and sets without any.

    InputError at once for an id or value that would not read back the same. ``place_sets`` does the rest.
    """
    problems = []
    for name, rows in sets.items():
        problems += _write_rows(fresh_dir(temporary_dir(folder / name)), rows, with_text=name not in without_text)
    return problems


def place_sets(folder: Path, sets: Iterable[str]) -> None:
    """Put what ``grow_sets`` made in the place of ``<folder>/<set>``."""
    for name in sets:
        swap_dir(temporary_dir(folder / name), folder / name)


def _write_rows(folder: Path, rows: Iterable[Row], *, with_text: bool) -> list[str]:
    names = ["wav.scp", "utt2spk", *(["text"] if with_text else [])]
    problems: list[str] = []
    last = ("", "")  # id and audio of the row before
    with ExitStack() as stack:
        tables = [(folder / name, stack.enter_context(_new(folder / name))) for name in names]
        for line in sorted_lines((_line(folder, row, with_text) for row in rows), folder):
            utterance, audio, *values = line.split(BETWEEN)
            if utterance == last[0]:
                problems.append(f"{audio}: the id {utterance} is that of {last[1]} too. Rename one of them.")
                continue
            last = (utterance, audio)
            for (path, file), value in zip(tables, [audio, *values], strict=True):
                file.write(table_line(path, utterance, value))
        for _, file in tables:
            sync(file)
    if not last[0]:
        return [f"{folder.with_suffix('')}: no utterance for it. Check what the set is made from."]
    write_spk2utt(folder)
    return problems


def write_spk2utt(folder: Path) -> None:
    """spk2utt from utt2spk: a line a speaker, utterances sorted, one space between them."""
    with open(folder / "utt2spk", encoding="utf-8", newline="\n") as table:
        pairs = (BETWEEN.join(reversed(line.rstrip("\n").split(" ", 1))) for line in table)
        with _new(folder / "spk2utt") as file:
            split = (line.split(BETWEEN) for line in sorted_lines(pairs, folder))
            for speaker, members in groupby(split, key=lambda pair: pair[0]):
                file.write(speaker)
                for _, utterance in members:
                    file.write(f" {utterance}")
                file.write("\n")
            sync(file)


def sorted_lines(lines: Iterable[str], folder: Path) -> Iterator[str]:
    """``lines``, none with a line break in it, in order of their code points; long ones are sorted in ``folder``."""
    runs: list[Path] = []
    try:
        for batch in batched(lines, RUN_ROWS):
            run = folder / f"run{len(runs)}.tmp"
            with _new(run) as file:
                file.writelines(f"{line}\n" for line in sorted(batch))
            runs.append(run)
        with ExitStack() as stack:
            files = [stack.enter_context(open(run, encoding="utf-8", newline="\n")) for run in runs]
            yield from heapq.merge(*((line[:-1] for line in file) for file in files))
    finally:
        for run in runs:
            run.unlink(missing_ok=True)


def _line(folder: Path, row: Row, with_text: bool) -> str:
    """The row as one line; what could not be told apart afterwards is refused."""
    fields = [row.utterance, row.audio, row.speaker]
    if with_text:
        if row.text is None:
            raise InputError(f"{folder}: utterance {row.utterance} has no transcript. Add its words, or drop it.")
        fields.append(row.text)
    if any(BETWEEN in field or "\n" in field for field in fields):
        raise InputError(f"{row.audio}: a line break or NUL in {fields!r}. Rename the file, or mend its transcript.")
    for word in (row.utterance, row.speaker):
        if word.split() != [word]:
            raise InputError(f"{row.audio}: id or speaker {word!r} is empty or holds white space. Rename it.")
    line = BETWEEN.join(fields)
    try:
        line.encode()
    except UnicodeEncodeError:
        raise InputError(f"{row.audio!r}: a name that is not valid Unicode. Rename the file.") from None
    return line


def _new(path: Path) -> IO[str]:
    return open(path, "w", encoding="utf-8", newline="\n")
