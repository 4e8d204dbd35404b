"""Training, dev and test sets of a corpus that comes without them: by speaker, the same on every machine.

Who speaks most trains. The other speakers stand in the order of a hash of their names; each goes to test or dev, where
more of a tenth of the utterances is still free, if it fits there, and else trains. Where nobody fits, the one who
speaks least is taken. Less than three speakers cannot be kept apart: then utterances are dealt out in the same way, and
the caller says so.
"""

import heapq
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed

HELD_OUT = ("test", "dev")
SHARE = 0.1  # of the utterances, for test and for dev


class Dealt(NamedTuple):
    """Who is held out: speakers, or utterances where there are less than three of them."""

    parts: dict[str, str]  # name -> test or dev; names that stay for training are absent
    by_speaker: bool  # the sets share no speaker

    def part(self, utterance: str, speaker: str) -> str:
        """train, dev or test."""
        return self.parts.get(speaker if self.by_speaker else utterance, "train")


def deal(sizes: Mapping[str, int], utterances: Iterable[str], *, share: float = SHARE) -> Dealt:
    """Speakers with the number of their utterances; ``utterances`` are looked at where there are too few of those."""
    total = sum(sizes.values())
    if total < 3:
        raise InputError(f"{total} utterances with a transcript are too few for three sets. Add some.")
    quota = math.ceil(share * total)
    if len(sizes) >= 3:
        return Dealt(_deal_speakers(sizes, quota), by_speaker=True)
    drawn = heapq.nsmallest(2 * quota + 1, utterances, key=_place)[1:]  # the first trains
    return Dealt({name: HELD_OUT[index % 2] for index, name in enumerate(drawn)}, by_speaker=False)


def _deal_speakers(sizes: Mapping[str, int], quota: int) -> dict[str, str]:
    """Name -> test or dev."""
    dealt: dict[str, str] = {}
    space = dict.fromkeys(HELD_OUT, quota)
    order = sorted(sizes, key=_place)
    order.remove(max(order, key=lambda name: sizes[name]))
    for name in order:
        held_out = max(HELD_OUT, key=lambda part: space[part])
        if sizes[name] <= space[held_out]:
            dealt[name] = held_out
            space[held_out] -= sizes[name]
    for held_out in HELD_OUT:
        if space[held_out] == quota:
            dealt[min((name for name in order if name not in dealt), key=lambda name: sizes[name])] = held_out
    return dealt


def _place(name: str) -> tuple[int, str]:
    """An order that depends on nothing but each name."""
    return derive_seed(0, "order", name), name
