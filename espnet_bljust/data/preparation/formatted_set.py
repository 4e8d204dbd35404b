"""One set under dump/raw: the tables of stage 3 walked side by side, and subsets of them written as they pass.

One line of each table is in memory, whatever the size of the set.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.sorted_tables import new_table, walk_utterances, writing
from espnet_bljust.data.kaldi.tables import table_line
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync, temporary_dir
from espnet_bljust.errors import InputError

TABLES = ("wav.scp", "utt2spk", "utt2num_samples", "utt2hash", "utt2level", "text")
OPTIONAL = TABLES[3:]


@dataclass(frozen=True)
class FormattedSet:
    """A folder of stage 3 or 4; its tables must hold the same utterances, sorted."""

    path: Path
    tables: tuple[str, ...]  # those of TABLES that are there

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def has_text(self) -> bool:
        return "text" in self.tables

    def __iter__(self) -> Iterator[Utterance]:
        return walk_utterances(self.path, self.tables, remedy="Run stage 3 again.")


def open_formatted(path: Path, *, require_text: bool = False) -> FormattedSet:
    """The set in a folder, not yet read."""
    if not (path / "wav.scp").is_file():
        raise InputError(f"{path}/wav.scp: no such file. Run stage 3 first, or check the name of the set.")
    for name in [*TABLES[1:3], *(["text"] if require_text else [])]:
        if not (path / name).is_file():
            raise InputError(f"{path / name}: no such file. Run the stage that makes it, or check the name.")
    there = tuple(name for name in TABLES if name not in OPTIONAL or (path / name).is_file())
    return FormattedSet(path, there)


class Kept(NamedTuple):
    """What came of a set."""

    utterances: int
    samples: int
    removed: int
    first_reason: str  # "utterance: why it was removed"; empty when none was


def write_subset(path: Path, decided: Iterable[tuple[Utterance, str]], tables: Iterable[str]) -> Kept:
    """Put the utterances of ``decided`` whose reason is empty in ``<path>.tmp``; ``place_subset`` does the rest.

    The others go to removed.txt with their reasons, so that what came in is what is kept plus what is listed.
    """
    temporary = fresh_dir(temporary_dir(path))
    kept = samples = removed = 0
    first = ""
    with writing(temporary, tables) as add, new_table(temporary / "removed.txt") as removals:
        for utterance, reason in decided:
            if reason:
                removed += 1
                first = first or f"{utterance.name}: {reason}"
                removals.write(table_line(temporary / "removed.txt", utterance.name, reason))
                continue
            kept += 1
            samples += utterance.num_samples
            add(utterance)
        sync(removals)
    return Kept(kept, samples, removed, first)


def place_subset(path: Path) -> None:
    """Put what ``write_subset`` made in its place."""
    swap_dir(temporary_dir(path), path)
