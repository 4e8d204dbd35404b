"""Which frames or channels are masked, and which masked frames serve as negatives.

Source: Baevski et al., arXiv:2006.11477, sections 3.1 and 3.2 (p = 0.065 starts of spans of M = 10 frames; the
`probability` here is p·M, the expected share before overlap, 0.65, as the published programs name it). Stripes: Park et
al., arXiv:1904.08779, section 2, frequency and time masking.
"""

import numpy as np


def span_mask(
    num_frames: int, *, probability: float, span: int, rng: np.random.Generator, min_spans: int = 2
) -> np.ndarray:
    """(frame,) bool. Spans may overlap and never leave the utterance; one too short for a span gets none.

    The number of spans is probability * num_frames / span, rounded at random so that its mean is exact.
    """
    if not 0 <= probability <= 1 or span < 1:
        raise ValueError(f"probability {probability} is in [0, 1] and span {span} at least 1 frame")
    mask = np.zeros(num_frames, dtype=bool)
    if num_frames < span:
        return mask
    num_spans = max(int(probability * num_frames / span + rng.random()), min_spans)
    starts = rng.choice(num_frames - span + 1, size=min(num_spans, num_frames // span), replace=False)
    mask[(starts[:, None] + np.arange(span)).ravel()] = True
    return mask


def stripe_mask(size: int, *, count: int, width: float, rng: np.random.Generator) -> np.ndarray:
    """(size,) bool: ``count`` stripes of floor(uniform in [0, width)), each wherever it fits; they may overlap."""
    widths = (rng.random(count) * min(width, size)).astype(int)
    starts = (rng.random(count) * (size - widths + 1)).astype(int)
    place = np.arange(size)
    return ((place >= starts[:, None]) & (place < (starts + widths)[:, None])).any(0)


def sample_negatives(num_masked: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(masked, count) int64: for each masked frame, others of the same utterance, drawn uniformly with replacement."""
    if num_masked == 0:
        return np.zeros((0, count), dtype=np.int64)
    if num_masked == 1:
        raise ValueError("one masked frame has no negative: mask at least 2 frames of an utterance")
    drawn = rng.integers(num_masked - 1, size=(num_masked, count))
    return drawn + (drawn >= np.arange(num_masked)[:, None])  # step over the positive
