"""Utterances of a pass, with what is drawn for them: in the loader's processes, so that a step waits for no draw."""

from collections.abc import Callable
from typing import Any, NamedTuple

from espnet2.train.dataset import AbsDataset
from torch.utils.data import Dataset

from espnet_bljust.errors import InputError
from espnet_bljust.espnet.unreadable import Unreadable
from espnet_bljust.training.augment import Turn

Key = tuple[Turn, str | int]  # when, and which utterance, or its number in the index of a pool
Draw = Callable[[Turn, list[str], list[int]], Any]  # of utterances and their samples


class Loaded(NamedTuple):
    """One batch of one kind of audio."""

    utterances: list[str]
    tensors: dict
    drawn: Any
    unreadable: list[Unreadable]  # left out; where all are, there is neither tensor nor draw


class PassedDataset(Dataset):
    """A dataset whose keys carry the turn, and whose entries keep it; one that it refuses is `Unreadable`."""

    def __init__(self, dataset: AbsDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, key: Key) -> tuple[Turn, tuple[str, dict] | Unreadable]:
        turn, utterance = key
        try:
            return turn, self.dataset[utterance]
        except InputError as error:
            return turn, Unreadable(str(utterance), str(error))


class PassedCollate(NamedTuple):
    """ESPnet's collate function, then the draws of the batch."""

    collate: Callable
    draw: Draw

    def __call__(self, entries: list[tuple[Turn, tuple[str, dict] | Unreadable]]) -> Loaded:
        unreadable = [entry for _, entry in entries if isinstance(entry, Unreadable)]
        whole = [entry for _, entry in entries if not isinstance(entry, Unreadable)]
        if not whole:
            return Loaded([], {}, None, unreadable)
        utterances, tensors = self.collate(whole)
        drawn = self.draw(entries[0][0], utterances, tensors["speech_lengths"].tolist())
        return Loaded(utterances, tensors, drawn, unreadable)
