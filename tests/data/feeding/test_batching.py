"""Batches: every utterance once a pass, each position a pure function of seed, purpose and pass."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.data.feeding.batching import BatchStream, fixed_batches
from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed

DURATIONS = st.lists(st.floats(0.1, 40.0), min_size=1, max_size=60)
BUDGET = st.floats(0.05, 200.0)
few = settings(max_examples=60, deadline=None, derandomize=True)


def names(durations):
    return [f"utt{index:03d}" for index in range(len(durations))]


def stream(durations, budget=10.0, seed=0, purpose="pool"):
    return BatchStream(names(durations), durations, budget, seed, purpose)


def one_pass(batches, epoch):
    count = batches.batches_per_pass
    return [batches.at(position) for position in range(epoch * count, (epoch + 1) * count)]


@few
@given(DURATIONS, BUDGET, st.integers(0, 5))
def test_every_utterance_stands_exactly_once_in_every_pass(durations, budget, epoch):
    batches = one_pass(stream(durations, budget), epoch)
    assert {number for number, _ in batches} == {epoch}
    assert Counter(name for _, batch in batches for name in batch) == Counter(names(durations))


@few
@given(DURATIONS, BUDGET, st.floats(100.0, 100000.0), st.integers(0, 3))
def test_no_batch_is_empty_even_beside_one_very_long_utterance(durations, budget, giant, epoch):
    durations = [*durations, giant]
    assert all(batch for _, batch in one_pass(stream(durations, budget), epoch))


@few
@given(DURATIONS, BUDGET)
def test_a_pass_has_its_audio_divided_by_the_budget_in_batches_and_never_more_than_utterances(durations, budget):
    count = stream(durations, budget).batches_per_pass
    assert 1 <= count <= len(durations)
    if count < len(durations):
        assert count == 1 or abs(count - sum(durations) / budget) <= 0.5 + 1e-9


@few
@given(DURATIONS, BUDGET, st.integers(0, 3))
def test_a_batch_exceeds_its_even_share_of_the_pass_by_at_most_one_utterance(durations, budget, epoch):
    """The even share is within half a budget of the budget, so memory is bounded whatever the shuffle."""
    batches = stream(durations, budget)
    length = dict(zip(names(durations), durations, strict=True))
    share = sum(durations) / batches.batches_per_pass
    assert batches.batches_per_pass == len(durations) or share <= 1.5 * budget + 1e-9
    for _, batch in one_pass(batches, epoch):
        assert sum(length[name] for name in batch) <= share + max(durations) + 1e-6


@few
@given(DURATIONS, BUDGET, st.randoms(use_true_random=False))
def test_any_order_of_access_gives_the_batches_of_the_order_of_time(durations, budget, order):
    one, other = stream(durations, budget), stream(durations, budget)
    positions = list(range(3 * one.batches_per_pass))
    expected = {position: one.at(position) for position in positions}
    order.shuffle(positions)
    assert {position: other.at(position) for position in positions} == expected


def test_what_a_caller_does_to_its_batch_changes_no_later_answer():
    batches = stream([1.0] * 20, 5.0)
    expected = list(batches.at(1)[1])
    batches.at(1)[1].clear()
    assert batches.at(1)[1] == expected


@pytest.mark.parametrize("other", [{"seed": 1}, {"purpose": "labelled"}])
def test_the_order_depends_on_seed_and_purpose(other):
    durations = [1.0] * 50
    assert one_pass(stream(durations), 0) != one_pass(stream(durations, **other), 0)


def test_each_pass_has_its_own_order_that_neither_global_randomness_nor_budget_moves():
    durations = [1.0] * 50
    flat = [[name for _, batch in one_pass(stream(durations), epoch) for name in batch] for epoch in range(4)]
    assert len({tuple(order) for order in flat}) == 4
    random.seed(99)
    for budget in (3.0, 17.0, 1000.0):
        assert [name for _, batch in one_pass(stream(durations, budget), 2) for name in batch] == flat[2]


def test_the_shuffle_puts_every_utterance_first_about_equally_often():
    batches = stream([1.0] * 5, 100.0)
    first = Counter(batches.at(epoch)[1][0] for epoch in range(1000))
    assert all(140 < first[name] < 260 for name in names([1.0] * 5))  # 200 by chance, standard deviation 12.6


def test_no_utterances_is_an_error_that_says_which_stream_and_where_to_look():
    with pytest.raises(InputError, match=r"pool: no utterances.*removed\.txt"):
        stream([])


@few
@given(DURATIONS, BUDGET)
def test_fixed_batches_keep_the_order_and_the_budget(durations, budget):
    batches = fixed_batches(names(durations), durations, budget)
    assert [name for batch in batches for name in batch] == names(durations)
    length = dict(zip(names(durations), durations, strict=True))
    for batch in batches:
        assert batch and (len(batch) == 1 or sum(length[name] for name in batch) <= budget + 1e-9)


@few
@given(DURATIONS, BUDGET)
def test_fixed_batches_open_a_new_batch_only_where_the_next_utterance_does_not_fit(durations, budget):
    batches = fixed_batches(names(durations), durations, budget)
    length = dict(zip(names(durations), durations, strict=True))
    for batch, following in zip(batches, batches[1:], strict=False):
        assert sum(length[name] for name in [*batch, following[0]]) > budget - 1e-9


def test_fixed_batches_of_nothing_are_none():
    assert fixed_batches([], [], 10.0) == []


def slowly(durations, budget, seed, purpose, epoch):
    """A pass as it was first written: loops over utterances and batches."""
    count = min(max(1, round(sum(durations) / budget)), len(durations))
    order = np.random.default_rng(derive_seed(seed, purpose, epoch)).permutation(len(durations)).tolist()
    total, heard, starts = float(np.sum(durations)), 0.0, [None] * (count + 1)
    for place, number in enumerate(order):
        heard += durations[number]
        batch = min(int((heard - durations[number] / 2) / total * count), count - 1)
        for earlier in range(batch + 1):
            starts[earlier] = place if starts[earlier] is None else starts[earlier]
    starts = [len(order) if start is None else start for start in starts]
    for batch in range(1, count):
        starts[batch] = max(starts[batch], starts[batch - 1] + 1)
    for batch in range(count - 1, 0, -1):
        starts[batch] = min(starts[batch], len(order) - (count - batch))
    return [[f"utt{number:03d}" for number in order[a:b]] for a, b in zip(starts, starts[1:], strict=False)]


@few
@given(DURATIONS, BUDGET, st.integers(0, 2))
def test_a_pass_is_what_the_plain_loops_give(durations, budget, epoch):
    """No recipe's batches may move."""
    assert [batch for _, batch in one_pass(stream(durations, budget), epoch)] == slowly(
        durations, budget, 0, "pool", epoch)
