"""An utterance as training hears it: audio as stage 3 left it, whole, and its transcript as token ids.

A set is known by its tables (`SampleTable`), a pool that is too large for memory by its index (`IndexedPool`).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.feeding.pool_index import PoolIndex
from espnet_bljust.data.kaldi.sorted_tables import num_samples, walk_together
from espnet_bljust.errors import InputError

REMEDY = "Make it again (stage 3), then start the same command: it goes on from the last checkpoint."
Encode = Callable[[str], list[int]]  # a transcript to token ids


class Sample(NamedTuple):
    """One utterance."""

    utterance: str
    wave: np.ndarray  # (sample,) 16 kHz, in [-1, 1)
    labels: np.ndarray | None  # (token,) int64; None: audio alone


class Samples[Key](Protocol):
    """Utterances by id, or by number."""

    def __getitem__(self, key: Key) -> Sample:
        """InputError, which names the utterance, where its audio is not what stage 3 wrote."""

    def labels(self, key: Key) -> np.ndarray | None:
        """(token,) int64 of the transcript, without the audio; None of audio alone."""


class SampleTable:
    """A set by its tables, which must hold the same utterances, sorted; ``counts`` is utt2num_samples.

    ``dtype``: float32 or float64, of the samples. Without ``text`` it is audio alone.
    """

    def __init__(
        self, wavs: Path, counts: Path, dtype: str, *, text: Path | None = None, encode: Encode | None = None
    ) -> None:
        self.dtype, self.encode = dtype, encode
        walked = walk_together([wavs, counts, *([text] if text else [])], remedy="Run stage 4 again.")
        self.rows = {utterance: (entry, num_samples(counts, utterance, count), *words)
                     for utterance, (entry, count, *words) in walked}

    @property
    def utterances(self) -> list[str]:
        """All ids, sorted."""
        return list(self.rows)

    @property
    def num_samples(self) -> np.ndarray:
        """(utterance,) int64."""
        return np.fromiter((row[1] for row in self.rows.values()), np.int64)

    def some_labels(self, most: int) -> Iterator[list[int]]:
        """Of at most so many utterances, evenly over the set."""
        for utterance in self.utterances[:: -(-len(self.rows) // most)]:
            yield self.encode(self.rows[utterance][2])

    def __getitem__(self, utterance: str) -> Sample:
        entry, count, *_ = self.rows[utterance]
        wave = read_whole(utterance, entry, count).astype(self.dtype, copy=False)
        return Sample(utterance, wave, self.labels(utterance))

    def labels(self, utterance: str) -> np.ndarray | None:
        _, _, *words = self.rows[utterance]
        return np.array(self.encode(words[0]), np.int64) if words else None


class IndexedPool:
    """Audio alone, by the number of an utterance in the index of its pool."""

    def __init__(self, index: PoolIndex, dtype: str) -> None:
        self.index, self.dtype = index, dtype

    def __getitem__(self, number: int) -> Sample:
        utterance, entry = self.index.entry(number)
        wave = read_whole(utterance, entry, int(self.index.samples(number, number + 1)[0]))
        return Sample(utterance, wave.astype(self.dtype, copy=False), None)

    def labels(self, number: int) -> None:
        return None


def read_whole(utterance: str, entry: str, count: int) -> np.ndarray:
    """(sample,) float32, which must be ``count``."""
    try:
        wave, _ = read_audio(entry)
    except Exception as error:  # a disk or a library may fail in its own way: a run of weeks must not end by it
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{utterance}: cannot be read: {reason.rstrip('.')}. {REMEDY}") from error
    if len(wave) != count:
        raise InputError(f"{utterance}: cannot be read: {entry}: {len(wave)} of {count} samples are there. {REMEDY}")
    return wave
