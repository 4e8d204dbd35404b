"""A recording of any length recognised: windows for the network, stretches for the search, one result of them all."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from espnet_bljust.data.audio import mixdown
from espnet_bljust.decoding import windows
from espnet_bljust.decoding.word_times import Word
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE


class Hypothesis(NamedTuple):
    """One utterance recognised."""

    text: str
    tokens: list[str]
    ids: list[int]
    score: float  # greedy: log probability of the best path, nats; beam search: see beam_search.py


class Recognition(NamedTuple):
    """One recording recognised."""

    text: str
    words: list[Word]  # of the text: each with start_seconds, end_seconds and a confidence, 0 to 1
    nbest: list[Hypothesis]  # best first, at least one; as many as the search is asked for, fewer where it held fewer
    seconds: float  # of audio
    short_seconds: float = 0.0  # that the header of the file promises and the file lacks; what is there is heard


class Search(Protocol):
    """What this file asks of a recogniser."""

    frames: windows.Frames
    num_best: int

    def log_probabilities(self, waves: list[Tensor]) -> list[Tensor]: ...
    def nbest(self, log_probability: Tensor) -> list[Hypothesis]: ...
    def words(self, log_probability: Tensor, hypothesis: Hypothesis) -> list[Word]: ...


def recognise_blocks(blocks: Iterable[np.ndarray], search: Search, window_seconds: float) -> Recognition:
    """blocks: (sample,) float32 at 16 kHz each. Of the audio no more is held than a block and a window."""
    heard = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal heard
        for block in blocks:
            heard += len(block)
            yield block

    parts = windows.windows(counted(), window_seconds, search.frames)
    best, words = [Hypothesis("", [], [], 0.0)], []
    for first, frames in windows.stretches(windows.frames_of(parts, search.log_probabilities)):
        hypotheses = search.nbest(frames)
        shift = first * search.frames.hop / SAMPLE_RATE
        words += [word._replace(start_seconds=word.start_seconds + shift, end_seconds=word.end_seconds + shift)
                  for word in search.words(frames, hypotheses[0])]
        best = joined(best, hypotheses, search.num_best)
    return Recognition(best[0].text, words, best, heard / SAMPLE_RATE)


def joined(before: Sequence[Hypothesis], after: Sequence[Hypothesis], count: int) -> list[Hypothesis]:
    """The ``count`` best of both in a row, best first: stretches are searched apart, so that their scores add up."""
    pairs = sorted(product(range(len(before)), range(len(after))),
                   key=lambda pair: (-before[pair[0]].score - after[pair[1]].score, pair))
    return [_behind_each_other(before[first], after[second]) for first, second in pairs[:count]]


def _behind_each_other(first: Hypothesis, second: Hypothesis) -> Hypothesis:
    return Hypothesis(" ".join(filter(None, (first.text, second.text))), first.tokens + second.tokens,
                      first.ids + second.ids, first.score + second.score)


def mono(samples: np.ndarray | Tensor) -> np.ndarray:
    """(sample,) float32 of (sample,) or (sample, channel) of floats, as a mean of the channels."""
    wave = samples.detach().cpu().numpy() if isinstance(samples, Tensor) else np.asarray(samples)
    if wave.ndim not in (1, 2) or wave.dtype.kind != "f":
        raise InputError(f"samples: of shape {wave.shape} and type {wave.dtype}. Give (sample,) or (sample, channel) "
                         "of floating point between -1 and 1; divide 16-bit integers by 32768.")
    if not np.isfinite(wave).all():
        raise InputError("samples: not all finite numbers. Replace the recording.")
    return np.asarray(wave if wave.ndim == 1 else mixdown.mono(wave)[0], np.float32)
