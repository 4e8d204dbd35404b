"""Training, dev and test sets of a corpus that comes without them: by speaker, the same on every machine.

Who speaks most trains. The other speakers stand in the order of a hash of their names; each goes to test or dev, where
more of a tenth of the utterances is still free, if it fits there, and else trains. Where nobody fits, the one who
speaks least is taken. Less than three speakers cannot be kept apart: then utterances are dealt out in the same way, and
the caller says so.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed

HELD_OUT = ("test", "dev")
SHARE = 0.1  # of the utterances, for test and for dev


class Dealt(NamedTuple):
    """Who is held out: speakers, or utterances where there are too few of them."""

    parts: dict[str, str]  # name -> test or dev; names that stay for training are absent
    by_speaker: bool  # the sets share no speaker

    def part(self, utterance: str, speaker: str) -> str:
        """train, dev or test."""
        return self.parts.get(speaker if self.by_speaker else utterance, "train")


def deal(sizes: Mapping[str, int], utterances: Iterable[str], *, share: float = SHARE,
         held_out: Sequence[str] = HELD_OUT, by_speaker: bool = True) -> Dealt:  # fmt: skip
    """Speakers with the number of their utterances; ``utterances`` are looked at where those are dealt out.

    held_out: the sets to make; by_speaker: keep speakers apart, if there is one for each set.
    """
    total, sets = sum(sizes.values()), len(held_out) + 1
    if total < sets:
        raise InputError(f"{total} utterances with a transcript are too few for {sets} sets. Add some.")
    quota = math.ceil(share * total)
    if by_speaker and len(sizes) >= sets:
        return Dealt(_deal_speakers(sizes, quota, held_out), by_speaker=True)
    drawn = heapq.nsmallest(len(held_out) * quota + 1, utterances, key=_place)[1:]  # the first trains
    return Dealt({name: held_out[index % len(held_out)] for index, name in enumerate(drawn)}, by_speaker=False)


def _deal_speakers(sizes: Mapping[str, int], quota: int, held_out: Sequence[str]) -> dict[str, str]:
    """Name -> the set of ``held_out``."""
    dealt: dict[str, str] = {}
    space = dict.fromkeys(held_out, quota)
    order = sorted(sizes, key=_place)
    order.remove(max(order, key=lambda name: sizes[name]))
    for name in order:
        roomiest = max(held_out, key=lambda part: space[part])
        if sizes[name] <= space[roomiest]:
            dealt[name] = roomiest
            space[roomiest] -= sizes[name]
    for part in held_out:
        if space[part] == quota:
            dealt[min((name for name in order if name not in dealt), key=lambda name: sizes[name])] = part
    return dealt


def _place(name: str) -> tuple[int, str]:
    """An order that depends on nothing but each name."""
    return derive_seed(0, "order", name), name
