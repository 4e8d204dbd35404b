"""One set under dump/raw: the tables of stage 3 walked side by side, and subsets of them written as they pass.

One line of each table is in memory, whatever the size of the set.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.rows import write_spk2utt
from espnet_bljust.data.kaldi.tables import table_line, walk_table
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync, temporary_dir
from espnet_bljust.disk.problems import raise_problems
from espnet_bljust.errors import InputError

TABLES = ("wav.scp", "utt2spk", "utt2num_samples", "utt2hash", "utt2level", "text")
OPTIONAL = TABLES[3:]


class Utterance(NamedTuple):
    """A line of each table."""

    name: str
    audio: str  # entry of wav.scp
    speaker: str
    num_samples: int
    hash: str  # equal for equal audio; empty for a folder made without utt2hash
    level: str  # "peak rms clipped" in 16-bit units; empty for a folder made without utt2level
    text: str | None


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
        problems: list[str] = []
        walks = [walk_table(self.path / name, problems, allow_empty=name == "text") for name in self.tables]
        last = ""
        for lines in zip_longest(*walks, fillvalue=(0, "", "")):
            number, key, _ = lines[0]
            self._check_keys([line[1] for line in lines], problems)
            if key <= last:
                raise InputError(f"{self.path}/wav.scp:{number}: {key} does not sort behind {last}. Run stage 3 again.")
            last = key
            yield self._utterance(key, dict(zip(self.tables, (value for _, _, value in lines), strict=True)))
        raise_problems(problems, self.path / "problems.txt")

    def _check_keys(self, keys: list[str], problems: list[str]) -> None:
        if all(key == keys[0] for key in keys):
            return
        raise_problems(problems, self.path / "problems.txt")
        odd = min(key for key in keys if key)
        name = next(name for name, key in zip(self.tables, keys, strict=True) if key != keys[0])
        raise InputError(f"{self.path / name}: its utterances are not those of wav.scp, e.g. {odd}. Run stage 3 again.")

    def _utterance(self, key: str, values: dict[str, str]) -> Utterance:
        audio, speaker, samples = (values[name] for name in TABLES[:3])
        if not samples.isdecimal():
            raise InputError(f"{self.path}/utt2num_samples: {key} has {samples!r} samples. Run stage 3 again.")
        optional = values.get("utt2hash", ""), values.get("utt2level", ""), values.get("text")
        return Utterance(key, audio, speaker, int(samples), *optional)


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
    with ExitStack() as stack:
        files = {name: stack.enter_context(open(temporary / name, "w", encoding="utf-8", newline="\n"))
                 for name in [*tables, "removed.txt"]}  # fmt: skip
        for utterance, reason in decided:
            if reason:
                removed += 1
                first = first or f"{utterance.name}: {reason}"
                files["removed.txt"].write(table_line(temporary / "removed.txt", utterance.name, reason))
                continue
            kept += 1
            samples += utterance.num_samples
            values = dict(zip(TABLES, utterance[1:], strict=True))
            for name in tables:
                files[name].write(table_line(temporary / name, utterance.name, str(values[name])))
        for file in files.values():
            sync(file)
    write_spk2utt(temporary)
    return Kept(kept, samples, removed, first)


def place_subset(path: Path) -> None:
    """Put what ``write_subset`` made in its place."""
    swap_dir(temporary_dir(path), path)
