"""Utterances of a pass, with what is drawn for them: in the loader's processes, so that a step waits for no draw."""

from collections.abc import Callable
from typing import Any, NamedTuple

from espnet2.train.dataset import AbsDataset
from torch.utils.data import Dataset

Key = tuple[int, str | int]  # pass over the data, utterance or its number in the index of a pool
Draw = Callable[[int, list[str], list[int]], Any]  # of a pass, utterances and their samples


class Loaded(NamedTuple):
    """One batch of one kind of audio."""

    utterances: list[str]
    tensors: dict
    drawn: Any


class PassedDataset(Dataset):
    """A dataset whose keys carry the pass, and whose entries keep it."""

    def __init__(self, dataset: AbsDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, key: Key) -> tuple[int, tuple[str, dict]]:
        epoch, utterance = key
        return epoch, self.dataset[utterance]


class PassedCollate(NamedTuple):
    """ESPnet's collate function, then the draws of the batch."""

    collate: Callable
    draw: Draw

    def __call__(self, entries: list[tuple[int, tuple[str, dict]]]) -> Loaded:
        utterances, tensors = self.collate([entry for _, entry in entries])
        return Loaded(utterances, tensors, self.draw(entries[0][0], utterances, tensors["speech_lengths"].tolist()))
