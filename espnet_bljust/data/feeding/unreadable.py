"""Audio that stage 3 wrote whole and training cannot read or hear: named, counted, passed over; too much ends the run.

A file lost in the second week must not end a run; a lost folder must. The utterance is missing from its batch, and all
else goes on as planned: the losses are divided by what was read. The same files lost, the same run. On dev such an
utterance counts as one in which nothing was recognised.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet_bljust.data.feeding.samples import REMEDY
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError

MOST_SHARE = 0.01  # of the utterances of a pass; one alone never ends a run
MOST_OF_DEV = 0.5  # there it moves no weight, and half of a set still tells good epochs from bad ones
log = logging.getLogger("espnet_bljust")


class Unreadable(NamedTuple):
    """Stands for an utterance in a batch."""

    utterance: str
    reason: str
    labels: np.ndarray | None = None  # (token,) of its transcript


class Lost:
    """What could not be read of one kind of audio since this process began; more than the limit ends the run."""

    def __init__(self, list_path: Path, num_utterances: int, most_share: float = MOST_SHARE) -> None:
        self.list_path, self.num_utterances, self.most_share = list_path, num_utterances, most_share
        self.reasons: dict[str, str] = {}

    def note(self, noted: Sequence[Unreadable]) -> None:
        """Name those that are new, in the log and in the list; InputError when they have become too many."""
        new = {one.utterance: one.reason.removesuffix(REMEDY).rstrip() for one in noted
               if one.utterance not in self.reasons}
        if not new:
            return
        self.reasons |= new
        for reason in new.values():
            log.warning(f"passed over: {reason}")
        write_atomic(self.list_path, "".join(f"{reason}\n" for reason in sorted(self.reasons.values())))
        if len(self.reasons) > max(1, self.most_share * self.num_utterances):
            raise InputError(
                f"{self.list_path}: {len(self.reasons)} of {self.num_utterances} utterances cannot be read, more than "
                f"{self.most_share:.0%}; the last: {next(reversed(new.values()))} {REMEDY}")
