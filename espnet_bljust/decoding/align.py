"""When each token of a known label string was spoken: the best path of CTC that collapses to it (Viterbi).

States are blank, y1, blank, y2, ..., blank; a path stays, moves on by one, or skips a blank between different tokens.
Source: Graves et al., ICML 2006, section 4.1, with the maximum in place of the sum.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from espnet_bljust.network.heads.ctc import BLANK, needed_frames


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
    scores = log_probability.detach().float().cpu()
    state = torch.full((2 * len(label) + 1,), BLANK)
    state[1::2] = torch.tensor(label)
    path = _best_path(scores[:, state], _can_skip(state))
    spans = []
    for index, token in enumerate(label):
        frames = (path == 2 * index + 1).nonzero()[:, 0]
        first, last = int(frames[0]), int(frames[-1])
        spans.append(Span(first, last, float(scores[first : last + 1, token].max().exp())))
    return spans


def _can_skip(state: Tensor) -> Tensor:
    """(state,) bool: a path may come from two states before."""
    skip = torch.zeros(len(state), dtype=torch.bool)
    skip[3::2] = state[3::2] != state[1:-2:2]
    return skip


def _best_path(emission: Tensor, skip: Tensor) -> Tensor:
    """emission: (frame, state) log -> (frame,) state."""
    num_frames, num_states = emission.shape
    never = -torch.inf
    best = torch.full((num_states,), never)
    best[:2] = emission[0, :2]
    steps = torch.zeros(num_frames, num_states, dtype=torch.int8)  # how many states back the path came from
    sources = torch.full((3, num_states), never)
    for frame in range(1, num_frames):
        sources[0] = best
        sources[1, 1:] = best[:-1]
        sources[2, 2:] = torch.where(skip[2:], best[:-2], never)
        best, steps[frame] = sources.max(0)
        best = best + emission[frame]
    path = torch.empty(num_frames, dtype=torch.int64)
    path[-1] = num_states - 1 if best[-1] >= best[-2] else num_states - 2
    for frame in range(num_frames - 1, 0, -1):
        path[frame - 1] = path[frame] - steps[frame, path[frame]]
    return path
