"""Whether two arms of a comparison differ: an interval by bootstrap, and an exact test by sign flips.

Both are paired: the arms share seeds, speakers and utterances.
    relative gain = (WER of the other arm - WER of the reference) / WER of the other arm
The bootstrap draws seeds, then speakers, then utterances of each drawn speaker, all with replacement (Bisani and Ney,
ICASSP 2004, with the levels of Efron and Tibshirani's hierarchical form); the interval is that of percentiles.
The test: under the hypothesis of no difference every unit's difference is as likely with the other sign; p is the share
of all sign patterns whose sum is at least as far from 0 (two-sided; Fisher). n units give no p below 2 / 2^n.
Over speakers it holds the trained models fixed: two seeds of one method may well differ by it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Errors(NamedTuple):
    """Edits of both arms on the same utterances."""

    reference: np.ndarray  # (seed, utterance)
    other: np.ndarray  # (seed, utterance)
    words: np.ndarray  # (utterance,)
    speakers: Sequence[str]  # of each utterance


class Interval(NamedTuple):
    """Relative gains: fractions, positive where the reference has fewer errors."""

    gain: float
    low: float
    high: float


def relative_gain(errors: Errors) -> float:
    """Of the sums over all seeds."""
    return _gain(errors.reference.sum(), errors.other.sum())


def bootstrap(errors: Errors, *, draws: int = 10000, level: float = 0.95, seed: int = 0) -> Interval | None:
    """Percentile interval of the relative gain; the same seed gives the same interval.

    None where the other arm has no error, in all or in one of the draws: there is nothing to take a share of.
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(np.asarray(errors.speakers) == speaker) for speaker in dict.fromkeys(errors.speakers)]
    num_seeds = len(errors.reference)
    gains = np.empty(draws)
    for draw in range(draws):
        seeds = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds))
        weights = _utterance_weights(groups, len(errors.words), rng)
        sums = [float(seeds @ arm @ weights) for arm in (errors.reference, errors.other)]
        gains[draw] = _gain(*sums)
    if not np.isfinite(gains).all() or not np.isfinite(relative_gain(errors)):
        return None
    low, high = np.percentile(gains, [50 * (1 - level), 50 * (1 + level)])
    return Interval(relative_gain(errors), float(low), float(high))


def rate_interval(
    errors: Sequence[int], words: Sequence[int], *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of sum(errors) / sum(words) of one system, utterances drawn with replacement; fractions.

    Source: Bisani and Ney, ICASSP 2004.
    """
    rng, both = np.random.default_rng(seed), np.array([errors, words], float)
    share = np.full(both.shape[1], 1 / both.shape[1])
    sums = np.array([both @ rng.multinomial(both.shape[1], share) for _ in range(draws)])
    low, high = np.percentile(sums[:, 0] / np.maximum(sums[:, 1], 1), [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def sign_flip_p(differences: Sequence[int]) -> float:
    """Exact and two-sided, for whole numbers of any count: the sums of all patterns are counted, not listed."""
    sums = Counter({0: 1})
    for difference in map(abs, map(int, differences)):
        flipped: Counter = Counter()
        for value, count in sums.items():
            flipped[value + difference] += count
            flipped[value - difference] += count
        sums = flipped
    seen = abs(sum(map(int, differences)))
    return sum(count for value, count in sums.items() if abs(value) >= seen) / 2 ** len(differences)


def by_speaker(errors: Errors) -> list[int]:
    """Differences in errors (other minus reference), all seeds together, a speaker each."""
    difference = (errors.other - errors.reference).sum(0)
    return [int(difference[np.asarray(errors.speakers) == speaker].sum()) for speaker in dict.fromkeys(errors.speakers)]


def by_seed(errors: Errors) -> list[int]:
    """The same, a seed each."""
    return (errors.other - errors.reference).sum(1).astype(int).tolist()


def _utterance_weights(groups: list[np.ndarray], count: int, rng: np.random.Generator) -> np.ndarray:
    """(utterance,): how often each is drawn when speakers are drawn, and for each of them as many utterances."""
    weights = np.zeros(count)
    for speaker in rng.integers(len(groups), size=len(groups)):
        members = groups[speaker]
        weights[members] += rng.multinomial(len(members), np.full(len(members), 1 / len(members)))
    return weights


def _gain(reference: float, other: float) -> float:
    """The words of a draw are those of both arms, so errors stand for rates."""
    if other == 0:
        return 0.0 if reference == 0 else -np.inf
    return (other - reference) / other
