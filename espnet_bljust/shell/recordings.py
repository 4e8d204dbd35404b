"""Sizes and times of the recordings that tables name, a line each in a file beside a stage's record.

`i` or `o` for a table of inputs or outputs, bytes, ns and the file, with tabs between; `-` twice where it is not there.
A recording that has gone and was read only is no change: what was made of it is whole, and cannot be made again.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from espnet_bljust.data.kaldi.tables import walk_table

GONE = "-\t-"


def lines_of(mark: str, tables: Sequence[str]) -> Iterator[str]:
    """The recordings that wav.scp files name, in their order; one that stands twice in a row once."""
    from espnet_bljust.data.audio.file_states import file_states  # brings numpy and soundfile, for stage 3 alone

    before = ""
    for table in tables:
        for _, _, entry in walk_table(table, []):
            for path, state in file_states(entry):
                if path != before:
                    yield f"{mark}\t{GONE if state is None else '{}\t{}'.format(*state)}\t{path}\n"
                before = path


def write(file: Path, inputs: Sequence[str]) -> None:
    """Those of ``inputs``, before a stage that reads them."""
    with open(file, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        lines.writelines(lines_of("i", inputs))


def add(file: Path, outputs: Sequence[str]) -> None:
    """Those of ``outputs``, after it."""
    with open(file, "a", encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        lines.writelines(lines_of("o", outputs))


def difference(file: Path, inputs: Sequence[str], outputs: Sequence[str]) -> tuple[str, int]:
    """The first recording that is not as ``file`` has it, in words; and how many that were read have gone since."""
    gone = 0
    with open(file, encoding="utf-8", errors="surrogateescape", newline="\n") as before:
        for old, new in zip_longest(before, _now(inputs, outputs)):
            if old == new:
                continue
            mark, size, _, path = (new or old).rstrip("\n").split("\t", 3)
            if old is None or new is None or old.split("\t", 3)[3] != new.split("\t", 3)[3]:
                return f"the recordings are others, from {path} on", gone
            if size == "-" and mark == "o":
                return f"{path} is missing", gone
            if size != "-":
                return f"{path} has {'come' if old.split('\t')[1] == '-' else 'changed'}", gone
            gone += 1
    return "", gone


def _now(inputs: Sequence[str], outputs: Sequence[str]) -> Iterator[str]:
    yield from lines_of("i", inputs)
    yield from lines_of("o", outputs)
