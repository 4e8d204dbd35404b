"""Micro-batches of labelled and pool audio side by side, as the plan's phase asks; a pure function of the step."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import tee
from pathlib import Path
from typing import NamedTuple

from espnet2.iterators.abs_iter_factory import AbsIterFactory
from torch.utils.data import DataLoader

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.data.feeding.batching import BatchStream
from espnet_bljust.data.feeding.samples import Sample, Samples
from espnet_bljust.data.feeding.shards import ShardStream
from espnet_bljust.data.feeding.unreadable import MOST_OF_DEV, Lost
from espnet_bljust.training.augment import Turn
from espnet_bljust.training.batch_reader import Batch, BatchReader, Collate
from espnet_bljust.training.loading import SILENCE_SECONDS, noticing
from espnet_bljust.training.masks import Drawing
from espnet_bljust.training.micro_batch import EMPTY, MicroBatch, collate_labelled, collate_pool, merge
from espnet_bljust.training.stopping import heed_parent, shielded
from espnet_bljust.training.surroundings import Alter


class Source(NamedTuple):
    """Where one kind of audio comes from."""

    stream: BatchStream | ShardStream
    samples: Samples


class Share(NamedTuple):
    """This process among all: it takes utterances rank, rank + world_size, .. of every batch."""

    rank: int = 0
    world_size: int = 1


ALONE = Share()


class JointIterFactory(AbsIterFactory):
    """Gives the micro-batches of a range of optimizer steps; ESPnet's epochs are the plan's evaluation intervals."""

    def __init__(
        self,
        plan: Plan,
        labelled: Source,
        pool: Source,
        *,
        drawing: Drawing,
        list_dir: Path,
        alter: Alter | None = None,
        token_nats: float = 0.0,
        accum_grad: int = 1,
        share: Share = ALONE,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self.plan, self.labelled, self.pool, self.drawing, self.alter = plan, labelled, pool, drawing, alter
        self.token_nats = token_nats  # a token's cost by its frequency alone; 0: not known
        self.accum_grad, self.share = accum_grad, share
        self.num_workers, self.pin_memory, self.list_dir = num_workers, pin_memory, list_dir
        self.lost = {purpose: Lost(list_dir / f"unreadable_{purpose}.{share.rank}.txt", len(source.stream))
                     for purpose, source in (("labelled", labelled), ("pool", pool))}

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> Iterator[MicroBatch]:
        """Not by epoch: the trainer asks for steps."""
        raise NotImplementedError("use steps(first, last)")

    def steps(self, first: int, last: int) -> Iterator[list[MicroBatch]]:
        """For every optimizer step first..last (1-based, inclusive) its ``accum_grad`` micro-batches."""
        before, end = self.plan.consumed(first - 1), self.plan.consumed(last)
        moments = [self.plan.at(step) for step in range(first, last + 1)]
        strengths = [moment.augment for moment in moments if moment.labelled for _ in range(self.accum_grad)]
        labelled = self._load(self.labelled, self._labelled, before[0], strengths, self.alter)
        pool = self._load(self.pool, partial(pool_of, self.drawing), before[1],
                          [0.0] * (end[1] - before[1]) * self.accum_grad)
        for moment in moments:
            yield [
                merge(next(labelled) if moment.labelled else EMPTY, next(pool) if moment.pool else EMPTY)
                for _ in range(self.accum_grad)
            ]

    def _labelled(self, turn: Turn, samples: list[Sample]) -> MicroBatch:
        return collate_labelled(samples, self.drawing.labelled(turn, *_names_and_lengths(samples)))

    def _load(
        self, source: Source, collate: Collate, first_step: int, strengths: Sequence[float], alter: Alter | None = None
    ) -> Iterator[MicroBatch]:
        """A batch for each of the strengths, from a position on; empty where this process has no utterance of it."""
        positions = enumerate(strengths, first_step * self.accum_grad)
        mine, ahead = tee(self._mine(source.stream, position, strength) for position, strength in positions)
        with shielded():
            loader = noticing(iter(DataLoader(
                BatchReader(source.samples, collate, self.drawing.num_frames, alter),
                sampler=(batch for batch in ahead if batch[1]), batch_size=None, collate_fn=_as_it_is,
                num_workers=self.num_workers, pin_memory=self.pin_memory, worker_init_fn=heed_parent,
                timeout=SILENCE_SECONDS if self.num_workers else 0)), self.list_dir)
        for _, utterances in mine:
            loaded = next(loader) if utterances else EMPTY
            self.lost[source.stream.purpose].note(loaded.unreadable)
            yield loaded

    def _mine(self, stream: BatchStream | ShardStream, position: int, strength: float) -> Batch:
        epoch, utterances = stream.at(position)
        if isinstance(stream, ShardStream):
            for first, end in stream.ahead(position, *self.share):
                stream.index.expect(first, end)
        return Turn(epoch, strength), utterances[self.share.rank :: self.share.world_size]


class ValidIterFactory(AbsIterFactory):
    """The validation set in fixed batches, with masks that never change; each utterance serves both losses.

    With ``pool``, batches and samples of other audio, the set serves the supervised loss and that audio the other one.
    """

    def __init__(
        self, batches: Sequence[list[str]], samples: Samples, *, drawing: Drawing, list_dir: Path,
        share: Share = ALONE, pool: tuple[Sequence[list[str]], Samples] | None = None,
    ) -> None:
        self.batches, self.samples, self.pool = batches, samples, pool
        self.drawing, self.share = drawing, share
        self.lost = Lost(list_dir / f"unreadable_dev.{share.rank}.txt",
                         sum(map(len, [*batches, *(pool[0] if pool else [])])), MOST_OF_DEV)

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> Iterator[MicroBatch]:
        """All batches of this process, the same at every epoch."""
        yield from self._load(self.batches, self.samples, self._labelled if self.pool else self._both)
        if self.pool:
            yield from self._load(*self.pool, partial(pool_of, self.drawing))

    def _load(self, batches: Sequence[list[str]], samples: Samples, collate: Collate) -> Iterator[MicroBatch]:
        mine = [(Turn(0), batch) for batch in batches[self.share.rank :: self.share.world_size]]
        reader = BatchReader(samples, collate, self.drawing.num_frames)
        for loaded in DataLoader(reader, sampler=mine, batch_size=None, collate_fn=_as_it_is):
            self.lost.note(loaded.unreadable)
            yield loaded

    @staticmethod
    def _labelled(_: Turn, samples: list[Sample]) -> MicroBatch:
        return collate_labelled(samples, None)

    def _both(self, turn: Turn, samples: list[Sample]) -> MicroBatch:
        return merge(collate_labelled(samples, None), pool_of(self.drawing, turn, samples))


def pool_of(drawing: Drawing, turn: Turn, samples: list[Sample]) -> MicroBatch:
    """Samples of the pool with their draw."""
    return collate_pool(samples, drawing.pool(turn, *_names_and_lengths(samples)))


def _names_and_lengths(samples: list[Sample]) -> tuple[list[str], list[int]]:
    return [sample.utterance for sample in samples], [len(sample.wave) for sample in samples]


def _as_it_is(batch: MicroBatch) -> MicroBatch:
    """For the loader, which would look into it."""
    return batch
