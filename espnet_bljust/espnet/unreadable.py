"""Audio that stage 3 wrote whole and training cannot read: named, counted, passed over; too much of it ends the run.

A file lost in the second week must not end a run; a lost folder must. The utterance is missing from its batch, and all
else goes on as planned: the counts in the losses' divisors are of what was read. The same files lost, the same run.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from espnet2.train.dataset import AbsDataset

from espnet_bljust.data.files import write_atomic
from espnet_bljust.errors import InputError

MOST_SHARE = 0.01  # of the utterances of a pass; one alone never ends a run
log = logging.getLogger("espnet_bljust")


class Unreadable(NamedTuple):
    """Stands for an utterance in a batch."""

    utterance: str
    reason: str


class WholeAudio:
    """A dataset's entries where their audio is as long as it should be; `Unreadable` in the place of others."""

    def __init__(
        self, dataset: AbsDataset, utterances: Sequence[str], durations_seconds: Sequence[float], sample_rate: int
    ) -> None:
        self.dataset = dataset
        self.order = np.argsort(utterances, kind="stable")
        self.utterances, self.seconds = np.asarray(utterances), np.asarray(durations_seconds)
        self.sample_rate = sample_rate

    def __getitem__(self, utterance: str) -> tuple[str, dict] | Unreadable:
        try:
            entry = self.dataset[utterance]
        except Exception as error:  # readers of audio fail by many types: soundfile's, system errors, assertions
            return Unreadable(utterance, " ".join(str(error).split()) or type(error).__name__)
        place = self.order[np.searchsorted(self.utterances, utterance, sorter=self.order)]
        found, due = len(entry[1]["speech"]), round(self.seconds[place] * self.sample_rate)
        return entry if found == due else Unreadable(utterance, f"{found} of {due} samples are there")


class Lost:
    """What could not be read of one kind of audio since this process began; more than the limit ends the run."""

    def __init__(self, list_path: Path, num_utterances: int) -> None:
        self.list_path, self.num_utterances = list_path, num_utterances
        self.reasons: dict[str, str] = {}

    def note(self, found: Sequence[Unreadable]) -> None:
        """Name those that are new, in the log and in the list; InputError when they have become too many."""
        new = {one.utterance: one.reason for one in found if one.utterance not in self.reasons}
        if not new:
            return
        self.reasons |= new
        for utterance, reason in new.items():
            log.warning(f"{utterance}: cannot be read, and is passed over: {reason}")
        write_atomic(self.list_path, "".join(f"{name} {reason}\n" for name, reason in sorted(self.reasons.items())))
        if len(self.reasons) > max(1, MOST_SHARE * self.num_utterances):
            raise InputError(
                f"{self.list_path}: {len(self.reasons)} of {self.num_utterances} utterances cannot be read, more than "
                f"{MOST_SHARE:.0%}; the first: {next(iter(self.reasons))}. Make them again (stage 3), then start the "
                "same command: it goes on from the last checkpoint.")


def demand_whole(entries: Sequence[tuple[str, dict] | Unreadable], what: str) -> None:
    """InputError where any is unreadable: an error rate over fewer utterances would be another one."""
    for entry in entries:
        if isinstance(entry, Unreadable):
            raise InputError(f"{what}: {entry.utterance} cannot be read: {entry.reason}. Make it again (stage 3), then "
                             "start the same command: it goes on from the last checkpoint.")
