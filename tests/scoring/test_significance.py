"""Intervals and p-values against closed forms, brute force and a known spread."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, permutation_test

from espnet_bljust.scoring.significance import Errors, bootstrap, by_seed, by_speaker, relative_gain, sign_flip_p


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_sign_flip_p_counts_every_pattern_of_signs(differences):
    sums = [abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
            for signs in itertools.product((1, -1), repeat=len(differences))]
    assert sign_flip_p(differences) == sum(value >= abs(sum(differences)) for value in sums) / len(sums)


def test_sign_flip_p_of_equal_differences_is_the_two_sided_binomial_tail():
    for wins in range(16):
        p = sign_flip_p([7] * wins + [-7] * (15 - wins))
        assert p == pytest.approx(min(1.0, 2 * binom.cdf(min(wins, 15 - wins), 15, 0.5)), abs=1e-12)
    assert sign_flip_p([3] * 3) == 2 / 8  # three seeds can say no more


def test_sign_flip_p_is_scipys_exact_permutation_test():
    differences = [5, -2, 7, 1, 3, -1, 4]
    known = permutation_test((np.array(differences),), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(differences) == pytest.approx(known.pvalue)


def test_hundred_speakers_are_no_harder_than_ten():
    assert 0 < sign_flip_p([1, 2, 3, -2] * 25) < 1e-3


def make_errors(seeds=3, speakers=12, utterances=8, gain=0.0, seed=0):
    """Poisson counts of errors with speakers that differ, in both arms alike."""
    rng = np.random.default_rng(seed)
    rates = np.repeat(rng.uniform(0.5, 4, speakers), utterances)
    names = np.repeat([f"s{index}" for index in range(speakers)], utterances).tolist()
    other = rng.poisson(rates, (seeds, len(rates)))
    reference = rng.binomial(other, 1 - gain) if gain else rng.poisson(rates, (seeds, len(rates)))
    return Errors(reference, other, np.full(len(rates), 10), names)


def test_an_arm_against_itself_gains_nothing_in_every_draw():
    errors = make_errors()
    assert bootstrap(errors._replace(other=errors.reference), draws=50) == (0.0, 0.0, 0.0)


def test_errors_that_fall_by_one_share_everywhere_give_that_share_without_spread():
    errors = make_errors()
    found = bootstrap(errors._replace(reference=errors.other * 3, other=errors.other * 4), draws=50)
    assert found == pytest.approx((0.25, 0.25, 0.25))


def test_the_interval_holds_the_gain_and_excludes_zero_where_the_gain_is_large():
    found = bootstrap(make_errors(gain=0.3), draws=500)
    assert found.low < found.gain < found.high and found.low > 0.1 and found.high < 0.5


def test_one_seed_and_one_speaker_give_the_spread_of_a_plain_bootstrap_over_utterances():
    """Against the delta method: the gain is a ratio of two means over n utterances."""
    errors = make_errors(seeds=1, speakers=1, utterances=400)
    found = bootstrap(errors, draws=4000)
    reference, other = errors.reference[0], errors.other[0]
    ratio = reference.mean() / other.mean()
    deviation = np.std(reference - ratio * other) / other.mean() / 20
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * deviation, rel=0.08)


def test_speakers_that_differ_widen_the_interval_beyond_that_of_their_utterances():
    errors = make_errors(speakers=10, utterances=20)
    uneven = np.repeat(np.arange(10), 20) % 2  # half of the speakers gain all, the others lose
    errors = errors._replace(reference=errors.other * np.where(uneven, 0.5, 1.5))
    hierarchical = bootstrap(errors, draws=1000)
    flat = bootstrap(errors._replace(speakers=[str(index) for index in range(200)]), draws=1000)
    assert hierarchical.high - hierarchical.low > 2 * (flat.high - flat.low)


def test_the_same_seed_gives_the_same_interval_and_another_one_nearly_so():
    errors = make_errors(gain=0.2)
    first, same, other = (bootstrap(errors, draws=1000, seed=seed) for seed in (1, 1, 2))
    assert first == same != other
    assert first.low == pytest.approx(other.low, abs=0.03)


def test_differences_are_summed_by_speaker_and_by_seed():
    errors = Errors(np.array([[1, 2, 3], [4, 5, 6]]), np.array([[2, 2, 2], [9, 9, 9]]), np.ones(3), ["a", "b", "a"])
    assert by_seed(errors) == [0, 12] and by_speaker(errors) == [(1 + 5) + (-1 + 3), 4]
    assert relative_gain(errors) == pytest.approx((33 - 21) / 33)
    assert relative_gain(errors._replace(other=errors.other * 0)) == -np.inf
