"""A data directory of any size from rows in any order: sorted on disk, a few thousand rows in memory at a time.

`KaldiDir` holds a corpus in memory, about a kilobyte an utterance; this is for corpora of hundreds of thousands.
"""

from collections.abc import Container, Iterable, Mapping
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple

from espnet_bljust.data.kaldi.segments import Segment, segment_value
from espnet_bljust.data.kaldi.tables import table_line
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync, temporary_dir
from espnet_bljust.disk.sorting import BETWEEN, grouped, record, sorted_lines
from espnet_bljust.errors import InputError


class Row(NamedTuple):
    """One utterance: a whole recording, or a segment of one."""

    utterance: str
    speaker: str
    audio: str  # entry of wav.scp
    text: str | None = None
    segment: Segment | None = None


def grow_sets(
    folder: Path, sets: Mapping[str, Iterable[Row]], *, without_text: Container[str] = (), segmented: bool = False
) -> list[str]:
    """``<folder>/<set>.tmp`` for every set; what is wrong: ids that come twice in a set, and sets without any.

    InputError at once for an id or value that would not read back the same. All rows have a segment if ``segmented``,
    and none otherwise. ``place_sets`` does the rest.
    """
    problems = []
    for name, rows in sets.items():
        place = fresh_dir(temporary_dir(folder / name))
        problems += _write_rows(place, rows, with_text=name not in without_text, segmented=segmented)
    return problems


def place_sets(folder: Path, sets: Iterable[str]) -> None:
    """Put what ``grow_sets`` made in the place of ``<folder>/<set>``."""
    for name in sets:
        swap_dir(temporary_dir(folder / name), folder / name)


def _write_rows(folder: Path, rows: Iterable[Row], *, with_text: bool, segmented: bool) -> list[str]:
    owner = "segments" if segmented else "wav.scp"
    names = [owner, "utt2spk", *(["text"] if with_text else [])]
    problems: list[str] = []
    last = ("", "")  # id and audio of the row before
    with ExitStack() as stack:
        tables = [(folder / name, stack.enter_context(_new(folder / name))) for name in names]
        recordings = stack.enter_context(_new(folder / "recordings.tmp"))
        for line in sorted_lines((_line(folder, row, with_text) for row in rows), folder):
            utterance, audio, segment, *values = line.split(BETWEEN)
            if utterance == last[0]:
                problems.append(f"{audio}: the id {utterance} is that of {last[1]} too. Rename one of them.")
                continue
            last = (utterance, audio)
            for (path, file), value in zip(tables, [segment if segmented else audio, *values], strict=True):
                file.write(table_line(path, utterance, value))
            if segmented:
                recordings.write(record(segment.split(" ", 1)[0], audio) + "\n")
        for _, file in tables:
            sync(file)
    if segmented:
        problems += _write_recordings(folder)
    (folder / "recordings.tmp").unlink()
    if not last[0]:
        return [f"{folder.with_suffix('')}: no utterance for it. Check what the set is made from."]
    write_spk2utt(folder)
    return problems


def _write_recordings(folder: Path) -> list[str]:
    """wav.scp of the recordings that segments name, each once."""
    problems = []
    with open(folder / "recordings.tmp", encoding="utf-8", newline="\n") as lines, _new(folder / "wav.scp") as file:
        for recording, entries in grouped((line.rstrip("\n") for line in lines), folder):
            first = entries[0][0]
            other = next((audio for (audio,) in entries if audio != first), None)
            if other is not None:
                problems.append(f"{other}: the recording {recording} is {first} too. Rename one of them.")
            file.write(table_line(folder / "wav.scp", recording, first))
        sync(file)
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


def _line(folder: Path, row: Row, with_text: bool) -> str:
    """The row as one line; what could not be told apart afterwards is refused."""
    fields = [row.utterance, row.audio, segment_value(row.segment) if row.segment else "", row.speaker]
    if with_text:
        if row.text is None:
            raise InputError(f"{folder}: utterance {row.utterance} has no transcript. Add its words, or drop it.")
        fields.append(row.text)
    for word in (row.utterance, row.speaker):
        if word.split() != [word]:
            raise InputError(f"{row.audio}: id or speaker {word!r} is empty or holds white space. Rename it.")
    line = record(*fields)
    try:
        line.encode()
    except UnicodeEncodeError:
        raise InputError(f"{row.audio!r}: a name that is not valid Unicode. Rename the file.") from None
    return line


def _new(path: Path) -> IO[str]:
    return open(path, "w", encoding="utf-8", newline="\n")
