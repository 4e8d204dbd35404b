"""Micro-batches of labelled and pool audio side by side, as the plan's phase asks; a pure function of the step."""

from collections.abc import Callable, Iterator, Sequence
from itertools import tee
from pathlib import Path
from typing import NamedTuple

from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.train.dataset import AbsDataset
from torch.utils.data import DataLoader

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.data.feeding.batching import BatchStream
from espnet_bljust.data.feeding.shards import ShardStream
from espnet_bljust.espnet.passes import Draw, Key, Loaded, PassedCollate, PassedDataset
from espnet_bljust.espnet.unreadable import Lost
from espnet_bljust.training.augment import Turn
from espnet_bljust.training.masks import Drawing
from espnet_bljust.training.micro_batch import MicroBatch
from espnet_bljust.training.stopping import heed_parent, shielded


class Source(NamedTuple):
    """Where one kind of audio comes from."""

    stream: BatchStream | ShardStream
    dataset: AbsDataset
    collate: Callable


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
        accum_grad: int = 1,
        share: Share = ALONE,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self.plan, self.labelled, self.pool, self.drawing = plan, labelled, pool, drawing
        self.accum_grad, self.share = accum_grad, share
        self.num_workers, self.pin_memory = num_workers, pin_memory
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
        labelled = self._load(self.labelled, self.drawing.labelled, before[0], strengths)
        pool = self._load(self.pool, self.drawing.pool, before[1], [0.0] * (end[1] - before[1]) * self.accum_grad)
        for moment in moments:
            yield [
                _merge(next(labelled) if moment.labelled else None, next(pool) if moment.pool else None)
                for _ in range(self.accum_grad)
            ]

    def _load(
        self, source: Source, draw: Draw, first_step: int, strengths: Sequence[float]
    ) -> Iterator[Loaded | None]:
        """A batch for each of the strengths, from a position on; None where this process has no utterance of it."""
        positions = enumerate(strengths, first_step * self.accum_grad)
        mine, ahead = tee(self._mine(source.stream, position, strength) for position, strength in positions)
        with shielded():
            loader = iter(DataLoader(
                PassedDataset(source.dataset), batch_sampler=(keys for keys in ahead if keys),
                num_workers=self.num_workers, collate_fn=PassedCollate(source.collate, draw),
                pin_memory=self.pin_memory, worker_init_fn=heed_parent))
        for keys in mine:
            loaded = next(loader) if keys else None
            if loaded is not None:
                self.lost[source.stream.purpose].note(loaded.unreadable)
            yield loaded

    def _mine(self, stream: BatchStream | ShardStream, position: int, strength: float) -> list[Key]:
        epoch, utterances = stream.at(position)
        if isinstance(stream, ShardStream):
            for first, end in stream.ahead(position, *self.share):
                stream.index.expect(first, end)
        turn = Turn(epoch, strength)
        return [(turn, utterance) for utterance in utterances[self.share.rank :: self.share.world_size]]


def _merge(labelled: Loaded | None, pool: Loaded | None) -> MicroBatch:
    tensors: dict = {}
    utterances: list[str] = []
    num_labelled = num_masked = num_rows = 0
    unreadable = sum(len(loaded.unreadable) for loaded in (labelled, pool) if loaded is not None)
    if labelled is not None and labelled.utterances:
        utterances, batch, hidden, _ = labelled
        tensors.update(batch, hidden=hidden)
        num_labelled = len(utterances)
    if pool is not None and pool.utterances:
        ids, batch, draw, _ = pool
        tensors.update(pool=batch["speech"], pool_lengths=batch["speech_lengths"], draw=draw)
        utterances, num_masked, num_rows = utterances + ids, int(draw.mask.sum()), len(draw.mask)
    return MicroBatch(utterances, tensors, num_labelled, num_masked, num_rows, unreadable)


class ValidIterFactory(AbsIterFactory):
    """The validation set in fixed batches, with masks that never change; each utterance serves both losses.

    With ``pool``, batches and dataset of other audio, the set serves the supervised loss and that audio the other one.
    """

    def __init__(
        self, batches: Sequence[list[str]], dataset: AbsDataset, collate: Callable, *,
        drawing: Drawing, share: Share = ALONE, pool: tuple[Sequence[list[str]], AbsDataset] | None = None,
    ) -> None:
        self.batches, self.dataset, self.collate, self.pool = batches, dataset, collate, pool
        self.drawing, self.share = drawing, share

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> Iterator[MicroBatch]:
        """All batches of this process, the same at every epoch."""
        for ids, batch in self._load(self.batches, self.dataset):
            pool, masked = ({}, 0) if self.pool else self._as_pool(ids, batch)
            yield MicroBatch(ids, {**batch, **pool}, len(ids), masked)
        for ids, batch in self._load(*self.pool) if self.pool else ():
            pool, masked = self._as_pool(ids, batch)
            yield MicroBatch(ids, pool, 0, masked)

    def _load(self, batches: Sequence[list[str]], dataset: AbsDataset) -> DataLoader:
        mine = batches[self.share.rank :: self.share.world_size]
        return DataLoader(dataset, batch_sampler=mine, collate_fn=self.collate)

    def _as_pool(self, ids: list[str], batch: dict) -> tuple[dict, int]:
        """Tensors of the self-supervised loss, and masked frames."""
        draw = self.drawing.pool(Turn(0), ids, batch["speech_lengths"].tolist())
        return {"pool": batch["speech"], "pool_lengths": batch["speech_lengths"], "draw": draw}, int(draw.mask.sum())


