"""The labelled subset of the training set and the pool of unlabelled speech.

The choice of labelled utterances is random but nested: with one seed, the utterances of 10 minutes are among those
of an hour, so that results over amounts of labels differ by the amount and not by the luck of the draw. Copies at other
speeds have the label of their original or none, and amounts are those of originals: a copy is no further transcript.
"""

import heapq
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, repeat
from pathlib import Path

import numpy as np

from espnet_bljust.data.kaldi.copies import original_of, speed_of
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.preparation.formatted_set import FormattedSet
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed

UNIT_SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0}
AMOUNT = re.compile(r"(?P<number>\d+(\.\d*)?|\.\d+)(?P<unit>h|min|s|)")


def choose_labelled(data: FormattedSet, labels: str, *, rate: int, seed: int, source: FormattedSet) -> np.ndarray:
    """(utterance,) bool, the labelled ones of ``data``: ``all``, a share (``0.3``), an amount (``10min``), or a file.

    The file has ids of ``source``, the training set before anything was removed from it, or of originals of its copies.
    """
    if labels == "all":
        return np.ones(sum(1 for _ in data), bool)
    amount = AMOUNT.fullmatch(labels)
    if amount is None:
        return _ids_of_file(Path(labels), data, source)
    number, unit = float(amount["number"]), amount["unit"]
    seeds = np.fromiter((derive_seed(seed, "labels", original_of(utterance.name)) for utterance in data), np.int64)
    place = np.unique_inverse(seeds).inverse_indices  # the turn of an utterance's original
    copies = np.bincount(place)
    if not unit:
        if not 0 < number <= 1:
            raise InputError(f"--labels {labels}: a share lies between 0 and 1. Add a unit for an amount: {labels}h.")
        return place < max(1, round(number * len(copies)))
    samples = np.fromiter((utterance.num_samples * speed_of(utterance.name) for utterance in data), float)
    total = np.bincount(place, samples) / copies  # samples of each original; sums of whole numbers are exact
    wanted, have = number * UNIT_SECONDS[unit], total.sum() / rate
    if wanted > have:
        raise InputError(f"--labels {labels}: {source.path} has {have / 3600:.2f} h after filtering. Use all, or less.")
    chosen = place < np.count_nonzero(np.cumsum(total) / rate <= wanted)
    if not chosen.any():
        raise InputError(f"--labels {labels}: less than one utterance of {source.path}. Ask for more.")
    return chosen


def _ids_of_file(path: Path, data: FormattedSet, source: FormattedSet) -> np.ndarray:
    """Ids are the first words of the lines of ``path``; each must be an utterance of ``source``, or one's original.

    They are compared by their 64-bit hashes (distinct.py).
    """
    if not path.is_file():
        raise InputError(f"--labels {path}: no amount (all, 0.3, 1h, 10min) and no file of utterance ids. Check it.")
    known = np.fromiter((hash(name) for utterance in source for name in _names(utterance)), np.int64)
    listed = np.fromiter((hash(name) for _, name in _first_words(path)), np.int64)
    if not (there := np.isin(listed, known)).all():
        number, name = next(word for word, is_there in zip(_first_words(path), there, strict=True) if not is_there)
        raise InputError(f"{path}:{number}: {name} is not an utterance of {source.path}. Drop the line.")
    names = np.fromiter((hash(name) for utterance in data for name in _names(utterance)), np.int64)
    chosen = np.isin(names, listed).reshape(-1, 2).any(1)
    if not chosen.any():
        raise InputError(f"{path}: none of its utterances is left after filtering. List others.")
    return chosen


def _names(utterance: Utterance) -> tuple[str, str]:
    return utterance.name, original_of(utterance.name)


def _first_words(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            words = raw.decode(errors="replace").split(maxsplit=1)
            if words:
                yield number, words[0]


def make_pool(
    sets: Sequence[FormattedSet], left_out: np.ndarray | None, list_path: Path
) -> Iterator[tuple[Utterance, str]]:
    """For `write_subset`: the utterances of all sets, sorted; kept ones, and ones left out of the pool with reasons.

    ``sets``: the training set first; ``left_out``: (utterance,) bool, those of the training set that are to stay out.
    An utterance in two sets is taken once; an id with two audios is an error. A reason has one word for every time the
    utterance was left out, so that words + pool = all members.
    """
    clashes = []
    for members in _by_name(sets, left_out):
        (_, first, is_labelled), *others = members
        if any(other.hash != first.hash for _, other, _ in others):
            clashes.append(first.name)
        words = [f"again_in_{sets[index].name}" for index, _, _ in others] + ["labelled"] * is_labelled
        if not is_labelled:
            yield first, ""
        if words:
            yield first, " ".join(words)
    if clashes:
        write_atomic(list_path, "".join(utterance + "\n" for utterance in clashes))
        raise InputError(
            f"{list_path}: {len(clashes)} utterance ids, the first {clashes[0]}, name different audio in the training "
            "and unlabelled sets. Rename them in stage 1, e.g. with the set's name in front."
        )


Member = tuple[int, Utterance, bool]  # place of its set; whether it is to stay out


def _by_name(sets: Sequence[FormattedSet], left_out: np.ndarray | None) -> Iterator[list[Member]]:
    """Utterances of one name, the training set's first."""

    def members(index: int, data: FormattedSet) -> Iterator[Member]:
        marks = repeat(False) if index or left_out is None else map(bool, left_out)
        for utterance, mark in zip(data, marks, strict=False):
            yield index, utterance, mark

    merged = heapq.merge(*(members(*one) for one in enumerate(sets)), key=lambda member: (member[1].name, member[0]))
    for _, same in groupby(merged, key=lambda member: member[1].name):
        yield list(same)
