"""Training, dev and test sets of a corpus that comes without them: by speaker, the same on every machine.

Who speaks most trains. The other speakers stand in the order of a hash of their names; each goes to test or dev, where
more of a tenth of the utterances is still free, if it fits there, and else trains. Where nobody fits, the one who
speaks least is taken. Less than three speakers cannot be kept apart: then utterances are dealt out in the same way, and
the caller says so.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed

HELD_OUT = ("test", "dev")
SHARE = 0.1  # of the utterances, for test and for dev


def split_by_speaker(utt2spk: Mapping[str, str], *, share: float = SHARE) -> tuple[dict[str, str], bool]:
    """Utterance -> train, dev or test; and whether the sets share no speaker."""
    if len(utt2spk) < 3:
        raise InputError(f"{len(utt2spk)} utterances with a transcript are too few for three sets. Add some.")
    sizes = Counter(utt2spk.values())
    disjoint = len(sizes) >= 3
    dealt = _deal(sizes if disjoint else dict.fromkeys(utt2spk, 1), math.ceil(share * len(utt2spk)))
    key = utt2spk.get if disjoint else str
    return {utterance: dealt.get(key(utterance), "train") for utterance in utt2spk}, disjoint


def _deal(sizes: Mapping[str, int], quota: int) -> dict[str, str]:
    """Name -> test or dev; names that stay for training are absent."""
    dealt: dict[str, str] = {}
    space = dict.fromkeys(HELD_OUT, quota)
    order = in_hash_order(sizes)
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


def in_hash_order(names: Iterable[str]) -> list[str]:
    """``names`` in an order that depends on nothing but each name."""
    return sorted(names, key=lambda name: (derive_seed(0, "order", name), name))
