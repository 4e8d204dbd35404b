"""Batches of a pool that is too large to shuffle whole: shuffled shards, and a shuffle inside a window of them.

    shard    SHARD neighbours of wav.scp: stage 3 wrote their audio one behind the other
    window   WINDOW shards, neighbours in the pass's shuffle of all shards; a batch's utterances come from one window

As in batching.py a batch is a pure function of its position: the shuffle of shards follows from (seed, purpose, pass),
that of a window from (seed, purpose, pass, window). What is held is a number a shard and the window under way.
"""

from itertools import accumulate

import numpy as np

from espnet_bljust.data.feeding.batching import batches_of_pass, cut
from espnet_bljust.data.feeding.pool_index import PoolIndex
from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed

SHARD = 64  # utterances; of 15 s they are a quarter of an hour, 17 MB of FLAC read in one go
WINDOW = 128  # shards; a window is 8192 utterances from 128 places


class ShardStream:
    """An endless sequence of batches over an indexed pool; its utterances are numbers in the index.

    budget_samples: audio of a batch, about. ``batches_per_pass`` is the same in all passes; a window has its share of
    them by its audio, at least one and no more than utterances.
    """

    def __init__(
        self, index: PoolIndex, budget_samples: float, seed: int, purpose: str, *,
        shard: int = SHARD, window: int = WINDOW,
    ) -> None:
        self.index, self.seed, self.purpose, self.shard, self.window = index, seed, purpose, shard, window
        self.shard_samples = index.sums(shard)
        windows = -(-len(self.shard_samples) // window)
        total = int(self.shard_samples.sum())
        self.batches_per_pass = batches_of_pass(total, budget_samples, len(index))
        if self.batches_per_pass < windows:
            raise InputError(f"{purpose}: a batch of {budget_samples:.3g} samples is more than a window of shards has, "
                             f"{total / windows:.3g}. Give smaller batches, or a larger unlabelled_shards_from.")
        self._pass = self._window = -1
        self._order = self._first = np.zeros(0, np.int64)  # shards of the pass; first batch of each window, and the end
        self._utterances = self._starts = np.zeros(0, np.int64)  # of the window; where each batch begins in them

    def __len__(self) -> int:
        """Utterances of a pass."""
        return len(self.index)

    def at(self, position: int) -> tuple[int, list[int]]:
        """(pass, utterances) of the batch at ``position``, counted from 0 over the whole run."""
        epoch, batch = divmod(position, self.batches_per_pass)
        if epoch != self._pass:
            self._order, self._first = self._shuffled(epoch)
            self._pass, self._window = epoch, -1
        window = int(np.searchsorted(self._first, batch, side="right")) - 1
        if window != self._window:
            self._utterances, self._starts = self._cut(epoch, window)
            self._window = window
        index = batch - self._first[window]
        return epoch, self._utterances[self._starts[index] : self._starts[index + 1]].tolist()

    def ahead(self, position: int, rank: int, world_size: int) -> list[tuple[int, int]]:
        """(first utterance, end) of shards of the next window: this process's of those that fall to this batch.

        Called behind ``at(position)``. A window's batches bring in the next one; the first of a pass is not foreseen.
        """
        first, end = self._first[self._window : self._window + 2].tolist()
        following = self._order[(self._window + 1) * self.window : (self._window + 2) * self.window].tolist()
        index, count = position % self.batches_per_pass - first, end - first
        due = range(index * len(following) // count, (index + 1) * len(following) // count)
        return [self._ends(following[place]) for place in due if place % world_size == rank]

    def _ends(self, shard: int) -> tuple[int, int]:
        return shard * self.shard, min((shard + 1) * self.shard, len(self.index))

    def _shuffled(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        count = len(self.shard_samples)
        order = np.random.default_rng(derive_seed(self.seed, f"{self.purpose} shards", epoch)).permutation(count)
        sizes = np.where(order < count - 1, self.shard, len(self.index) - (count - 1) * self.shard)
        starts = np.arange(0, count, self.window)
        samples, utterances = (np.add.reduceat(each, starts) for each in (self.shard_samples[order], sizes))
        return order, np.array(first_batches(self.batches_per_pass, samples.tolist(), utterances.tolist()))

    def _cut(self, epoch: int, window: int) -> tuple[np.ndarray, np.ndarray]:
        """The utterances of a window in their order, and where its batches begin in them."""
        ends = [self._ends(shard) for shard in self._order[window * self.window : (window + 1) * self.window].tolist()]
        utterances = np.concatenate([np.arange(*each) for each in ends])
        samples = np.concatenate([self.index.samples(*each) for each in ends])
        rng = np.random.default_rng(derive_seed(self.seed, f"{self.purpose} window", epoch, window))
        order = rng.permutation(len(utterances))
        count = int(self._first[window + 1] - self._first[window])
        return utterances[order], cut(samples[order], samples.sum(), count)


def first_batches(count: int, amounts: list[int], most: list[int]) -> list[int]:
    """``count`` batches over windows by their ``amounts`` of audio, each 1 to its ``most``.

    The first batch of each window, and behind them ``count``.
    """
    total, left, first = sum(amounts), sum(most), [0]
    for window, amount in enumerate(accumulate(amounts[:-1])):
        left -= most[window]
        least = max(first[-1] + 1, count - left)
        greatest = min(first[-1] + most[window], count - (len(amounts) - window - 1))
        first.append(min(max(round(amount * count / total), least), greatest))
    return [*first, count]
