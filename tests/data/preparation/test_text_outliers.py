"""Transcripts far too long or too short for their audio, by hand."""

import math

import pytest

from espnet_bljust.data.preparation.text_outliers import TextRates


def rates_of(*rows):
    rates = TextRates()
    for text, seconds in rows:
        rates.add(text, seconds)
    return list(rates.outliers())


def test_z_is_the_distance_from_the_median_in_robust_deviations():
    """Rates 8, 9, 10, 11, 12, 13 and 100: median 11; distances of logarithms by hand, the median of them that of 13."""
    rates = (8, 9, 10, 11, 12, 13, 100)
    (found,) = rates_of(*(("a" * rate, 1.0) for rate in rates))
    distances = sorted(abs(math.log(rate / 11)) for rate in rates)
    assert found.place == 6 and found.rate == 100
    assert found.z == pytest.approx(math.log(100 / 11) / (1.4826 * distances[3]))


def test_too_few_characters_stand_out_too_and_spaces_do_not_count():
    (found,) = rates_of(*[("ab cd", 0.4)] * 9, ("a b", 2.0))
    assert (found.place, found.rate) == (9, 1.0)
    assert found.z == pytest.approx(math.log(0.1) / 0.1)  # where all are alike 10 % is the deviation


def test_a_set_of_alike_speakers_or_of_four_utterances_has_none():
    assert rates_of(*((f"{'a' * rate}", 1.0) for rate in (10, 11, 12, 13, 14))) == []
    assert rates_of(*[("abcd", 1.0)] * 3, ("a" * 100, 1.0)) == []
    assert rates_of() == []
