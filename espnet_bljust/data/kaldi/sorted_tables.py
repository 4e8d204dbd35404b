"""Tables of stages 3 and 4, sorted and complete, walked side by side: a line of each in memory at a time."""

from collections.abc import Container, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.disk.problems import raise_problems
from espnet_bljust.errors import InputError


def walk_together(
    paths: Sequence[Path], *, remedy: str, may_be_empty: Container[str] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(key, its value in each table) in the tables' order; they must hold the same keys, and no key twice.

    ``may_be_empty``: names of tables whose keys may have no value. InputError for the first thing that is wrong, and
    at the end for all lines that are none.
    """
    problems: list[str] = []
    last = ""
    walks = [walk_table(path, problems, allow_empty=path.name in may_be_empty) for path in paths]
    for lines in zip_longest(*walks, fillvalue=(0, "", "")):
        numbers, keys, values = zip(*lines, strict=True)
        if any(key != keys[0] for key in keys):
            raise_problems(problems, paths[0].with_name("problems.txt"))
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
    raise_problems(problems, paths[0].with_name("problems.txt"))


def walk_sorted(path: Path) -> Iterator[tuple[str, str]]:
    """(key, value) of one table of stage 4."""
    for key, (value,) in walk_together([path], remedy="Run stage 4 again."):
        yield key, value


def walk_samples(path: Path) -> Iterator[tuple[str, int]]:
    """(utterance, samples) of utt2num_samples, or of a shape file of ESPnet's, where "samples,1" stands."""
    for utterance, value in walk_sorted(path):
        yield utterance, num_samples(path, utterance, value)


def num_samples(path: Path, utterance: str, value: str) -> int:
    """What the table at ``path`` says of an utterance."""
    count = value.partition(",")[0]
    if not count.isdecimal():
        raise InputError(f"{path}: {utterance} has {value!r} samples. Run stage 3 again.")
    return int(count)
