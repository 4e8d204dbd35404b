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
    """What is at a batch; an utterance that cannot be read is missing in it and stands in its ``unreadable``.

    So does one of which the trunk makes no frame; num_frames: of so many samples.
    """

    def __init__(
        self, samples: Samples, collate: Collate, num_frames: Callable[[int], int], alter: Alter | None = None
    ) -> None:
        self.samples, self.collate, self.num_frames, self.alter = samples, collate, num_frames, alter

    def __getitem__(self, batch: Batch) -> MicroBatch:
        turn, keys = batch
        whole, unreadable = [], []
        for key in keys:
            try:
                sample = self._heard(self.samples[key])
                whole.append(self.alter(turn, sample) if self.alter else sample)
            except InputError as error:
                unreadable.append(Unreadable(str(key), str(error), self.samples.labels(key)))
        made = self.collate(turn, whole) if whole else EMPTY
        return made._replace(unreadable=tuple(unreadable))

    def _heard(self, sample: Sample) -> Sample:
        if self.num_frames(len(sample.wave)) == 0:
            raise InputError(f"{sample.utterance}: cannot be heard: its {len(sample.wave)} samples give no frame. "
                             "Raise min_wav_duration (stage 4).")
        return sample
