"""The split by speaker: disjoint, near its shares, the same whatever the order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_bljust.data.corpus.speaker_split import deal
from espnet_bljust.errors import InputError


def split_by_speaker(utt2spk):
    """Utterance -> set, and whether the sets share no speaker."""
    dealt = deal(Counter(utt2spk.values()), iter(utt2spk))
    return {key: dealt.part(key, speaker) for key, speaker in utt2spk.items()}, dealt.by_speaker


def utterances(sizes):
    return {f"s{speaker}-{index}": f"s{speaker}" for speaker, size in enumerate(sizes) for index in range(size)}


@given(st.lists(st.integers(1, 30), min_size=3, max_size=30))
def test_no_speaker_is_in_two_sets_and_no_set_is_empty(sizes):
    utt2spk = utterances(sizes)
    split, disjoint = split_by_speaker(utt2spk)
    sets = {name: {utt2spk[key] for key, value in split.items() if value == name} for name in ("train", "dev", "test")}
    assert disjoint and split.keys() == utt2spk.keys()
    assert all(sets.values())
    assert sum(map(len, sets.values())) == len(set.union(*sets.values())) == len(sizes)
    assert f"s{sizes.index(max(sizes))}" in sets["train"] or sizes.count(max(sizes)) > 1


def test_dev_and_test_hold_a_tenth_each_where_speakers_are_small():
    counts = Counter(split_by_speaker(utterances([4] * 100))[0].values())
    assert counts == {"train": 320, "dev": 40, "test": 40}


def test_order_of_the_utterances_does_not_matter():
    utt2spk = utterances(range(1, 20))
    assert split_by_speaker(dict(reversed(utt2spk.items())))[0] == split_by_speaker(utt2spk)[0]


def test_one_speaker_who_reads_nearly_everything_trains():
    split, _ = split_by_speaker(utterances([205, 5, 5, 3]))
    assert {value for key, value in split.items() if key.startswith("s0-")} == {"train"}


def test_less_than_three_speakers_are_split_by_utterance_and_the_caller_knows():
    split, disjoint = split_by_speaker(utterances([20, 10]))
    assert not disjoint
    assert Counter(split.values()) == {"train": 24, "dev": 3, "test": 3}


def test_two_utterances_are_too_few():
    with pytest.raises(InputError, match="2 utterances with a transcript are too few"):
        split_by_speaker(utterances([2]))
