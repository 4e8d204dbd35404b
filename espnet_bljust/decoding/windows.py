"""Recordings of any length in bounded memory: windows for the network, stretches for the search.

A window's core is at most ``longest`` seconds and is cut where the recording is quietest in its second half; the
network sees a margin on either side, whose frames are left out. Windows begin at multiples of the hop, so that the
cores' frames put together are the recording's, each once. They are searched in stretches that end in the middle of long
blanks, where nothing is spoken; a greedy search of the stretches finds the tokens of the whole.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from espnet_bljust.network.heads.ctc import BLANK
from espnet_bljust.units import SAMPLE_RATE

MARGIN = 50  # frames, 1 s where one lasts 20 ms
QUIET = 15  # frames over which loudness is averaged, 0.3 s
PAUSE = 30  # frames of blank at which a stretch may end, 0.6 s
LONGEST_STRETCH = 3000  # frames, 1 min; one without a pause ends at its longest blank


class Frames(Protocol):
    """What every trunk's configuration tells of its frames, in samples of 16 kHz."""

    hop: int
    receptive_field: int


class Window(NamedTuple):
    """What the network sees, and which of the frames that it makes of it are the core's."""

    samples: np.ndarray  # (sample,) at 16 kHz
    skip: int  # frames of the margin in front
    keep: int | None  # frames of the core; None: all that are left


def windows(blocks: Iterable[np.ndarray], longest_seconds: float, trunk: Frames) -> Iterator[Window]:
    """blocks: (sample,) at 16 kHz, of any lengths -> windows whose cores follow each other to the last frame.

    Held is a window and what is left of the block that completed it.
    """
    hop, seen_beyond = trunk.hop, trunk.receptive_field - trunk.hop
    longest = max(2 * QUIET, round(longest_seconds * SAMPLE_RATE / hop))
    blocks, held, skip = iter(blocks), np.zeros(0, np.float32), 0
    while True:
        held = _filled(held, blocks, (skip + longest + MARGIN) * hop + seen_beyond)
        if len(held) // hop - skip <= longest:
            yield Window(held, skip, None)
            return
        half = skip + longest // 2
        heard = held[: (skip + longest + MARGIN) * hop]
        cut = half + int(_loudness(heard, hop)[half : skip + longest].argmin())
        yield Window(held[: (cut + MARGIN) * hop + seen_beyond], skip, cut - skip)
        skip = min(cut, MARGIN)
        held = held[(cut - skip) * hop :]


def _filled(held: np.ndarray, blocks: Iterator[np.ndarray], num_samples: int) -> np.ndarray:
    """``held`` and as many blocks as bring it to ``num_samples``, if there are so many."""
    parts, missing = [held], num_samples - len(held)
    while missing > 0 and (block := next(blocks, None)) is not None:
        parts.append(block)
        missing -= len(block)
    return np.concatenate(parts) if len(parts) > 1 else held


def _loudness(samples: np.ndarray, hop: int) -> np.ndarray:
    """(frame,) mean square over ``QUIET`` frames around each."""
    frames = len(samples) // hop
    energy = np.square(samples[: frames * hop].reshape(frames, hop)).mean(1)
    return np.convolve(energy, np.full(QUIET, 1 / QUIET), mode="same")


def frames_of(parts: Iterable[Window], network: Callable[[list[Tensor]], list[Tensor]]) -> Iterator[Tensor]:
    """(frame, token) log probabilities of each window's core; ``network`` makes them of waves."""
    for window in parts:
        (frames,) = network([torch.from_numpy(window.samples)])
        end = None if window.keep is None else window.skip + window.keep
        yield frames[window.skip : end].cpu()


def stretches(parts: Iterable[Tensor]) -> Iterator[tuple[int, Tensor]]:
    """(first frame, its log probabilities) from pause to pause; of the parts no more than a stretch is held."""
    first, held = 0, None
    for part in parts:
        held = part if held is None else torch.cat([held, part])
        begin = 0
        for end in _ends(held):
            yield first + begin, held[begin:end]
            begin = end
        first, held = first + begin, held[begin:]
    if held is not None and len(held):
        yield first, held


def _ends(frames: Tensor) -> list[int]:
    """Where complete stretches end; what follows the last one may go on."""
    runs = _blank_runs(frames)
    ends = [(begin + end) // 2 for begin, end in runs if end - begin >= PAUSE]
    if not ends and len(frames) > LONGEST_STRETCH:
        late = [run for run in runs if run[0] >= len(frames) // 2]  # so that what is left is short
        begin, end = max(late, key=lambda run: run[1] - run[0], default=(len(frames), len(frames)))
        ends = [(begin + end + 1) // 2]
    return ends


def _blank_runs(frames: Tensor) -> list[tuple[int, int]]:
    """(first, end) of the stretches whose best token is blank."""
    blank = torch.nn.functional.pad((frames.argmax(-1) == BLANK).int(), (1, 1))
    change = blank.diff()
    return list(zip((change == 1).nonzero()[:, 0].tolist(), (change == -1).nonzero()[:, 0].tolist(), strict=True))
