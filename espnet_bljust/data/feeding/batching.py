"""Batches as a pure function of their position: every utterance once a pass, budgeted in seconds.

The packed network computes no padding, so batches need not hold like lengths: a pass is one shuffle cut at
equal amounts of audio. Pass p's order follows from (seed, purpose, p) alone, so a run that restarts at any
position goes on with the batches that it would have seen, on one process or many.
"""

from collections.abc import Sequence

import numpy as np

from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed


class BatchStream:
    """An endless sequence of batches over one set of utterances.

    durations_seconds: one an utterance; budget_seconds: audio of a batch, about. The number of batches of a pass,
    ``batches_per_pass``, is rounded and the same in all, so an even share is at most 1.5 budgets where it is not one
    utterance a batch; a batch exceeds its share by at most one utterance.
    """

    def __init__(
        self,
        utterances: Sequence[str],
        durations_seconds: Sequence[float],
        budget_seconds: float,
        seed: int,
        purpose: str,
    ) -> None:
        if len(utterances) == 0:
            raise InputError(f"{purpose}: no utterances to make batches of. See removed.txt of stage 4.")
        self.utterances = np.array([utterance.encode() for utterance in utterances])  # a quarter of numpy's text
        self.durations = np.asarray(durations_seconds, dtype=np.float64)
        self.seed, self.purpose = seed, purpose
        total = float(self.durations.sum())
        self.batches_per_pass = batches_of_pass(total, budget_seconds, len(utterances))
        self._pass = -1
        self._order = self._starts = np.zeros(0, np.int64)  # of the pass: utterances; where each batch begins in them

    def __len__(self) -> int:
        """Utterances of a pass."""
        return len(self.utterances)

    def at(self, position: int) -> tuple[int, list[str]]:
        """(pass, utterance ids) of the batch at ``position``, counted from 0 over the whole run."""
        epoch, index = divmod(position, self.batches_per_pass)
        if epoch != self._pass:
            self._order = np.random.default_rng(derive_seed(self.seed, self.purpose, epoch)).permutation(
                len(self.utterances))
            self._starts = cut(self.durations[self._order], self.durations.sum(), self.batches_per_pass)
            self._pass = epoch
        chosen = self._order[self._starts[index] : self._starts[index + 1]]
        return epoch, [utterance.decode() for utterance in self.utterances[chosen].tolist()]


def batches_of_pass(total: float, budget: float, num_utterances: int) -> int:
    """How many batches of ``budget`` hold ``total`` (both in any unit), each with at least one utterance."""
    return min(max(1, round(total / budget)), num_utterances)


def cut(durations: np.ndarray, total: float, count: int) -> np.ndarray:
    """(batch + 1,) where each of ``count`` batches begins and the last one ends: equal audio, at least one utterance.

    durations: (utterance,) in any unit, ``total`` their sum.
    """
    middle = np.cumsum(durations) - durations / 2
    index = np.minimum((middle / total * count).astype(np.int64), count - 1)
    batch = np.arange(count + 1)
    starts = np.searchsorted(index, batch)
    starts = np.maximum.accumulate(starts - batch) + batch  # a very long utterance must not leave neighbours empty
    return np.minimum(starts, len(durations) - count + batch)


def fixed_batches(
    utterances: Sequence[str], durations_seconds: Sequence[float], budget_seconds: float
) -> list[list[str]]:
    """Batches in the given order, each within the budget unless one utterance alone exceeds it; for evaluation."""
    batches: list[list[str]] = []
    filled = 0.0
    for utterance, seconds in zip(utterances, durations_seconds, strict=True):
        if not batches or filled + seconds > budget_seconds:
            batches.append([])
            filled = 0.0
        batches[-1].append(utterance)
        filled += seconds
    return batches
