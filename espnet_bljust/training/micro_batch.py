"""One forward pass: the joint batch with the names of its utterances, made of samples as they were read.

    collate_labelled, collate_pool    one kind of audio each, with what is drawn for it
    merge                             both kinds side by side
No utterance is padded: those of a kind lie one behind the other, and the joint batch has views of them.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from espnet_bljust.data.feeding.samples import Sample
from espnet_bljust.data.feeding.unreadable import Unreadable
from espnet_bljust.network.joint import JointBatch
from espnet_bljust.training.masks import LabelledDraw, PoolDraw


class MicroBatch(NamedTuple):
    """One forward pass, or one kind of audio of it."""

    utterances: list[str]  # of each wave: the labelled first, then the pool's; CPC cuts several waves of an utterance
    joint: JointBatch
    unreadable: tuple[Unreadable, ...] = ()  # utterances that are missing

    @property
    def num_labelled(self) -> int:
        """Utterances."""
        return len(self.joint.labelled)

    @property
    def num_masked(self) -> int:
        """Frames that are targets of the self-supervised loss."""
        return sum(map(len, self.joint.pool_negatives))

    @property
    def num_rows(self) -> int:
        """Frames of the pool."""
        return 0 if self.joint.pool_mask is None else len(self.joint.pool_mask)

    def to(self, device: torch.device) -> Self:
        """On the device of the network."""
        return self._replace(joint=self.joint.to(device))


EMPTY = MicroBatch([], JointBatch())


def collate_labelled(samples: Sequence[Sample], draw: LabelledDraw | None) -> MicroBatch:
    """``draw``: None in evaluation, where nothing is hidden."""
    labelled, labels = _joined([sample.wave for sample in samples]), _joined([sample.labels for sample in samples])
    return MicroBatch([sample.utterance for sample in samples], JointBatch(labelled, labels, *(draw or ())))


def collate_pool(samples: Sequence[Sample], draw: PoolDraw) -> MicroBatch:
    """The utterances, or what CPC cuts out of them."""
    pieces = [[slice(None)]] * len(samples) if draw.cuts is None else draw.cuts
    names = [sample.utterance for sample, cuts in zip(samples, pieces, strict=True) for _ in cuts]
    pool = draw.pieces(_joined([sample.wave for sample in samples]))
    return MicroBatch(names, JointBatch(
        pool=pool, pool_mask=draw.mask, pool_negatives=draw.negatives, noise=draw.noise))


def merge(labelled: MicroBatch, pool: MicroBatch) -> MicroBatch:
    """Both kinds, either of which may be ``EMPTY``."""
    return MicroBatch(labelled.utterances + pool.utterances, labelled.joint.beside(pool.joint),
                      labelled.unreadable + pool.unreadable)


def _joined(arrays: Sequence[np.ndarray]) -> list[Tensor]:
    """As views of one tensor: a loader's process hands over one piece of memory, and one open file, a batch."""
    return list(torch.from_numpy(np.concatenate(arrays)).split([len(array) for array in arrays]))
