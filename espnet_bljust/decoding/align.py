"""When each token of a known label string was spoken: the best path of CTC that collapses to it (Viterbi).

States are blank, y1, blank, y2, ..., blank; a path stays, moves on by one, or skips a blank between different tokens:

    best[t, s] = log p[t, y_s] + max(best[t-1, s], best[t-1, s-1], best[t-1, s-2] where s may be skipped to)

Source: Graves et al., ICML 2006, section 4.1, with the maximum in place of the sum. One frame after another, all states
of a frame at once, in numpy, whose calls on short rows cost a fraction of torch's. Of `best` a block of frames is held;
of the whole no more than where each state came from, a byte each.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from espnet_bljust.network.heads.ctc import BLANK, needed_frames

BLOCK = 64  # frames


class Span(NamedTuple):
    """One token of the label string."""

    first: int  # frame
    last: int  # frame, included
    confidence: float  # the highest posterior of the token in its frames, 0 .. 1


def align(log_probability: Tensor, label: list[int]) -> list[Span]:
    """log_probability: (frame, token); ValueError where no path of so many frames holds ``label``."""
    if needed_frames(torch.tensor(label, dtype=torch.int64)) > len(log_probability):
        raise ValueError(f"{len(log_probability)} frames cannot carry {len(label)} tokens in CTC")
    if not label:
        return []
    scores = log_probability.detach().float().cpu().numpy()
    token_of = np.full(2 * len(label) + 1, BLANK)  # (state,)
    token_of[1::2] = label
    path = _best_path(scores, token_of)
    begin, end = (np.searchsorted(path, np.arange(1, len(token_of), 2), side) for side in ("left", "right"))
    on_path = np.append(scores[np.arange(len(path)), token_of[path]], -np.inf)  # so that every end is a place
    peak = np.maximum.reduceat(on_path, np.stack([begin, end], axis=1).ravel())[::2]
    return list(map(Span, begin.tolist(), (end - 1).tolist(), np.exp(peak).tolist()))


def _best_path(scores: np.ndarray, token_of: np.ndarray) -> np.ndarray:
    """scores (frame, token), token_of (state,) -> (frame,) state."""
    num_frames, num_states = len(scores), len(token_of)
    steps = np.zeros((num_frames, num_states), np.uint8)  # how many states back the path came from
    skip = np.where(_may_be_skipped_to(token_of), 0, -np.inf).astype(np.float32)
    best = np.full((1 + BLOCK, 2 + num_states), -np.inf, np.float32)  # states are counted from column 2
    best[0, 2:4] = scores[0, token_of[:2]]
    for first in range(1, num_frames, BLOCK):
        emission = scores[first : first + BLOCK, token_of]
        count = len(emission)
        _fill(best, emission, skip)
        stayed, moved, skipped = best[:count, 2:], best[:count, 1:-1], best[:count, :-2] + skip
        block = steps[first : first + count]
        np.greater(moved, stayed, out=block.view(bool))
        block[skipped > np.maximum(stayed, moved)] = 2
        best[0] = best[count]
    state = num_states - 1 if best[0, -1] >= best[0, -2] else num_states - 2
    path, back = np.empty(num_frames, np.int64), memoryview(steps)
    for frame in range(num_frames - 1, -1, -1):
        path[frame] = state
        state -= back[frame, state]
    return path


def _may_be_skipped_to(token_of: np.ndarray) -> np.ndarray:
    """(state,) bool: a path may come from two states before."""
    may = np.zeros(len(token_of), bool)
    may[3::2] = token_of[3::2] != token_of[1:-2:2]
    return may


def _fill(best: np.ndarray, emission: np.ndarray, skip: np.ndarray) -> None:
    """Rows of ``best`` (1 + frame, 2 + state) after the first, from the frame before and emission (frame, state)."""
    for before, here, gain in zip(best, best[1:], emission, strict=False):
        here = here[2:]
        np.add(before[:-2], skip, out=here)
        np.maximum(here, before[1:-1], out=here)
        np.maximum(here, before[2:], out=here)
        np.add(here, gain, out=here)
