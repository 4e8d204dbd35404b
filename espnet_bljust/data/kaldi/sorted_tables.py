"""Tables of stage 4, sorted and complete, a line in memory at a time."""

from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.disk.problems import raise_problems
from espnet_bljust.errors import InputError


def walk_sorted(path: Path) -> Iterator[tuple[str, str]]:
    """(key, value) in the table's order."""
    problems: list[str] = []
    previous = ""
    for number, key, value in walk_table(path, problems):
        if key <= previous:
            raise InputError(f"{path}:{number}: {key} does not sort behind {previous}. Run stage 4 again.")
        if not value:
            raise InputError(f"{path}:{number}: {key} has nothing after it. Run stage 4 again.")
        previous = key
        yield key, value
    raise_problems(problems, path.with_name(path.name + ".problems.txt"))


def walk_samples(path: Path) -> Iterator[tuple[str, int]]:
    """(utterance, samples) of utt2num_samples, or of a shape file of ESPnet's, where "samples,1" stands."""
    for utterance, value in walk_sorted(path):
        count = value.partition(",")[0]
        if not count.isdecimal():
            raise InputError(f"{path}: {utterance} has {value!r} samples. Run stage 3 again.")
        yield utterance, int(count)
