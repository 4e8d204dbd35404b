"""Packed frames: the rows of all utterances one behind the other, (row, channel), and nothing between them."""

from itertools import groupby
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from espnet_bljust.errors import InputError


class UtteranceTooShort(InputError, ValueError):
    """An utterance gives no frame."""


class Features(NamedTuple):
    """What a trunk's first part makes of a batch; ``early`` stays behind where only some of it is taken."""

    rows: Tensor  # (row, channel) after the layer norm
    penalty: Tensor  # (row,) mean square over channels before the layer norm
    lengths: list[int]  # rows of each utterance, in order
    early: Tensor | None = None  # (row, early_dim) before layers that look far; None where no layer does

    def of(self, kept: list[bool]) -> "Features":
        """Of some of the utterances."""
        if all(kept):
            return self
        rows, penalty = (torch.cat([part for part, keep in zip(whole.split(self.lengths), kept, strict=True) if keep])
                         for whole in (self.rows, self.penalty))
        return Features(rows, penalty, [length for length, keep in zip(self.lengths, kept, strict=True) if keep])


    def repeated(self, count: int, times: int) -> "Features":
        """The first ``count`` utterances so many times, then the others."""
        if times == 1 or count == 0:
            return self
        border = sum(self.lengths[:count])
        rows, penalty, early = (None if whole is None else torch.cat([whole[:border]] * times + [whole[border:]])
                                for whole in (self.rows, self.penalty, self.early))
        return Features(rows, penalty, self.lengths[:count] * times + self.lengths[count:], early)


class Sizes(Protocol):
    """What every trunk's configuration tells of its frames."""

    receptive_field: int  # samples

    def num_frames(self, num_samples: int) -> int:
        """Of an utterance of so many samples."""


def frames_of(waves: list[Tensor], sizes: Sizes) -> list[int]:
    """Frames of each utterance, at least one."""
    lengths = [sizes.num_frames(len(wave)) for wave in waves]
    for index, (wave, length) in enumerate(zip(waves, lengths, strict=True)):
        if length == 0:
            raise UtteranceTooShort(f"utterance {index} of the batch: {len(wave)} samples give no frame. "
                                    f"Leave out audio under {sizes.receptive_field} samples.")
    return lengths


def hide(rows: Tensor, mask: Tensor | None, embedding: Tensor) -> Tensor:
    """``rows`` with the mask embedding in place of those that are masked; mask (row,) bool, best on the CPU."""
    if mask is None:
        return rows
    return torch.where(mask.to(rows.device, non_blocking=True)[:, None], embedding.to(rows.dtype), rows)


def silence(rows: Tensor, lengths: list[int], channels: Tensor | None) -> Tensor:
    """``rows`` with 0 in the masked channels of the first utterances; channels (utterance, channel) bool."""
    if channels is None:
        return rows
    counts = torch.tensor(lengths[: len(channels)])
    masked = channels.repeat_interleave(counts, 0).to(rows.device, non_blocking=True)
    return torch.cat([rows[: len(masked)].masked_fill(masked, 0.0), rows[len(masked) :]])


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
