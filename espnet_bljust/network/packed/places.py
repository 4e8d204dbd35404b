"""Packed rows laid out with room between the utterances: zeros for a convolution, or a place each for padding."""

from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor


class Places(NamedTuple):
    """Where each row goes."""

    index: Tensor  # (row,) int64
    size: int  # of the layout

    @classmethod
    def of(cls, lengths: list[int], slots: list[int], device: torch.device) -> "Places":
        """Utterance i at the begin of a slot of ``slots[i]`` places; one slot follows the other."""
        starts = [0, *accumulate(slots)]
        index = [torch.arange(length) + start for length, start in zip(lengths, starts[:-1], strict=True)]
        return cls(torch.cat(index).to(device, non_blocking=True), starts[-1])

    def spread(self, rows: Tensor) -> Tensor:
        """(row, ...) -> (place, ...), zeros where no row goes."""
        return rows.new_zeros(self.size, *rows.shape[1:]).index_copy(0, self.index, rows)

    def collect(self, places: Tensor) -> Tensor:
        """(place, ...) -> (row, ...)."""
        return places.index_select(0, self.index)
