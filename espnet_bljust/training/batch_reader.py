"""Batches of one set, read in the loader's processes with what is drawn for them: a step waits for neither."""

from collections.abc import Callable, Sequence

from torch.utils.data import Dataset

from espnet_bljust.data.feeding.samples import Sample, Samples
from espnet_bljust.data.feeding.unreadable import Unreadable
from espnet_bljust.errors import InputError
from espnet_bljust.training.augment import Turn
from espnet_bljust.training.micro_batch import EMPTY, MicroBatch
from espnet_bljust.training.surroundings import Alter

Batch = tuple[Turn, Sequence[str | int]]  # when, and which utterances, or their numbers in the index of a pool
Collate = Callable[[Turn, list[Sample]], MicroBatch]


class BatchReader(Dataset):
    """What is at a batch; an utterance that cannot be read is missing in it and stands in its ``unreadable``."""

    def __init__(self, samples: Samples, collate: Collate, alter: Alter | None = None) -> None:
        self.samples, self.collate, self.alter = samples, collate, alter

    def __getitem__(self, batch: Batch) -> MicroBatch:
        turn, keys = batch
        whole, unreadable = [], []
        for key in keys:
            try:
                sample = self.samples[key]
                whole.append(self.alter(turn, sample) if self.alter else sample)
            except InputError as error:
                unreadable.append(Unreadable(str(key), str(error)))
        made = self.collate(turn, whole) if whole else EMPTY
        return made._replace(unreadable=tuple(unreadable))
