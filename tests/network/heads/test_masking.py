"""Span masks and negatives, for any utterance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.network.heads.masking import sample_negatives, span_mask

seeds = st.integers(0, 2**32)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.floats(0, 1), st.integers(1, 20), st.integers(0, 3), seeds)
def test_masked_frames_are_whole_spans_inside_the_utterance(frames, probability, span, min_spans, seed):
    rng = np.random.default_rng(seed)
    mask = span_mask(frames, probability=probability, span=span, rng=rng, min_spans=min_spans)
    assert mask.shape == (frames,) and mask.dtype == bool
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    assert all(edges[1::2] - edges[::2] >= span)
    wanted = max(int(probability * frames / span + 1), min_spans)
    assert mask.sum() <= wanted * span
    assert mask.sum() >= (span if min(min_spans, frames // span) > 0 else 0)


def test_the_mean_number_of_spans_is_the_probability_times_the_frames_a_span():
    rng = np.random.default_rng(0)
    shares = [span_mask(103, probability=0.5, span=1, rng=rng, min_spans=0).mean() for _ in range(4000)]
    assert abs(np.mean(shares) - 0.5) < 0.001


def test_every_frame_can_be_masked_and_the_same_seed_gives_the_same_mask():
    masks = [span_mask(30, probability=0.65, span=10, rng=np.random.default_rng(seed)) for seed in range(300)]
    assert np.any(masks, axis=0).all()
    again = span_mask(30, probability=0.65, span=10, rng=np.random.default_rng(5))
    assert (masks[5] == again).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 60), st.integers(1, 100), seeds)
def test_no_positive_is_among_its_negatives(masked, count, seed):
    negatives = sample_negatives(masked, count, np.random.default_rng(seed))
    assert negatives.shape == (masked, count) and negatives.dtype == np.int64
    assert negatives.min() >= 0 and negatives.max() < masked
    assert not (negatives == np.arange(masked)[:, None]).any()


def test_every_other_frame_is_drawn_equally_often():
    negatives = sample_negatives(4, 60000, np.random.default_rng(0))
    for frame, row in enumerate(negatives):
        counts = np.bincount(row, minlength=4)
        assert counts[frame] == 0
        assert np.abs(np.delete(counts, frame) / 20000 - 1).max() < 0.03


def test_nothing_masked_has_no_negatives_and_one_masked_frame_is_refused():
    assert sample_negatives(0, 7, np.random.default_rng(0)).shape == (0, 7)
    with pytest.raises(ValueError, match="at least 2 frames"):
        sample_negatives(1, 7, np.random.default_rng(0))
