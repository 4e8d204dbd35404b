"""Sorted tables read and written side by side: a line of each in memory at a time, whatever their size."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby, zip_longest
from pathlib import Path
from typing import IO

from espnet_bljust.data.kaldi.tables import table_line, walk_table
from espnet_bljust.data.kaldi.utterance import Utterance, from_values, num_samples, value_in
from espnet_bljust.disk.files import sync
from espnet_bljust.disk.problems import raise_problems
from espnet_bljust.disk.sorting import BETWEEN, sorted_lines
from espnet_bljust.errors import InputError


def walk_together(
    paths: Sequence[Path], *, remedy: str, may_be_empty: Container[str] = (), problems: list[str] | None = None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(key, its value in each table) in the tables' order; they must hold the same keys, and no key twice.

    ``may_be_empty``: names of tables whose keys may have no value. InputError for the first thing that is wrong;
    lines that are none are an InputError at the end, or go to ``problems``.
    """
    wrong: list[str] = [] if problems is None else problems
    last = ""
    walks = [walk_table(path, wrong, allow_empty=path.name in may_be_empty) for path in paths]
    for lines in zip_longest(*walks, fillvalue=(0, "", "")):
        numbers, keys, values = zip(*lines, strict=True)
        if any(key != keys[0] for key in keys):
            if problems is None:
                raise_problems(wrong, paths[0].with_name("problems.txt"))
            odd = next(path for path, key in zip(paths, keys, strict=True) if key != keys[0])
            raise InputError(f"{odd}: its utterances are not those of {paths[0].name}, e.g. {min(filter(None, keys))}. "
                             f"{remedy}")
        if keys[0] <= last:
            raise InputError(f"{paths[0]}:{numbers[0]}: {keys[0]} does not sort behind {last}. {remedy}")
        for path, number, value in zip(paths, numbers, values, strict=True):
            if not value and path.name not in may_be_empty:
                raise InputError(f"{path}:{number}: {keys[0]} has nothing after it. {remedy}")
        last = keys[0]
        yield last, values
    if problems is None:
        raise_problems(wrong, paths[0].with_name("problems.txt"))


def walk_sorted(path: Path) -> Iterator[tuple[str, str]]:
    """(key, value) of one table of stage 4."""
    for key, (value,) in walk_together([path], remedy="Run stage 4 again."):
        yield key, value


def walk_samples(path: Path) -> Iterator[tuple[str, int]]:
    """(utterance, samples) of utt2num_samples, or of a shape file of ESPnet's."""
    for utterance, value in walk_sorted(path):
        yield utterance, num_samples(path, utterance, value)


def walk_utterances(
    folder: Path, tables: Sequence[str], *, remedy: str, problems: list[str] | None = None
) -> Iterator[Utterance]:
    """The utterances of a set, sorted, by ``tables`` of it; transcripts may be empty.

    The first table is the one that the others must fit. The audio of a segment is left empty: wav.scp has recordings.
    """
    walked = walk_together([folder / table for table in tables], remedy=remedy, may_be_empty=("text",),
                           problems=problems)
    for name, values in walked:
        yield from_values(folder, name, dict(zip(tables, values, strict=True)))


@contextmanager
def writing(folder: Path, tables: Iterable[str]) -> Iterator[Callable[[Utterance], None]]:
    """Within, what is yielded adds an utterance, sorted behind the last one, to ``tables`` of ``folder``.

    InputError for what would not read back the same. At the end the tables are on the disk, and spk2utt beside them.
    """
    with ExitStack() as stack:
        files = {table: stack.enter_context(new_table(folder / table)) for table in tables}

        def add(utterance: Utterance) -> None:
            for table, file in files.items():
                file.write(table_line(folder / table, utterance.name, value_in(table, utterance)))

        yield add
        for file in files.values():
            sync(file)
    _write_spk2utt(folder)


def new_table(path: Path) -> IO[str]:
    return open(path, "w", encoding="utf-8", newline="\n")


def _write_spk2utt(folder: Path) -> None:
    """spk2utt from utt2spk: a line a speaker, utterances sorted, one space between them."""
    with open(folder / "utt2spk", encoding="utf-8", newline="\n") as table:
        pairs = (BETWEEN.join(reversed(line.rstrip("\n").split(" ", 1))) for line in table)
        with new_table(folder / "spk2utt") as file:
            split = (line.split(BETWEEN) for line in sorted_lines(pairs, folder))
            for speaker, members in groupby(split, key=lambda pair: pair[0]):
                file.write(speaker)
                for _, utterance in members:
                    file.write(f" {utterance}")
                file.write("\n")
            sync(file)
