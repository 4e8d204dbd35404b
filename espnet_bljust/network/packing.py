"""Packed frames: the rows of all utterances one behind the other, (row, channel), and nothing between them."""

from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from espnet_bljust.errors import InputError


class UtteranceTooShort(InputError, ValueError):
    """An utterance gives no frame."""


class Features(NamedTuple):
    """What the extractor makes of a batch."""

    rows: Tensor  # (row, channel) after the layer norm
    penalty: Tensor  # (row,) mean square over channels before the layer norm
    lengths: list[int]  # rows of each utterance, in order


class Run(NamedTuple):
    """Neighbours of equal shape, which attention takes as one batch."""

    utterances: int
    frames: tuple[int, int]  # (queries, keys) of each


def runs(counts: list[tuple[int, int]]) -> list[Run]:
    """[(5, 5), (5, 5), (3, 5)] -> two of (5, 5), one of (3, 5)."""
    return [Run(len(list(same)), frames) for frames, same in groupby(counts)]


class Wanted(NamedTuple):
    """The rows whose output is needed."""

    rows: Tensor  # (wanted,) int64, ascending
    counts: list[int]  # of each utterance

    @classmethod
    def of(cls, want: Tensor, lengths: list[int], device: torch.device) -> "Wanted":
        """``want``: (row,) bool, on the CPU: counting rows there makes no GPU wait."""
        want = want.cpu()
        rows = want.nonzero()[:, 0].to(device, non_blocking=True)
        return cls(rows, [int(part.sum()) for part in want.split(lengths)])
