"""The alignment against torchaudio's, and against every path where there are few."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.decoding.align import BLOCK, Span, align
from espnet_bljust.network.heads.ctc import needed_frames

seeds = st.integers(0, 2**31)


def log_probability(num_frames, num_tokens, seed):
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(num_frames, num_tokens, generator=generator)).log_softmax(-1)


def score_of(spans, frames, label):
    """Log probability of the path that says each token in its span and blank elsewhere."""
    path = [0] * len(frames)
    for span, token in zip(spans, label, strict=True):
        path[span.first : span.last + 1] = [token] * (span.last + 1 - span.first)
    assert collapsed(path) == label
    return float(frames[range(len(frames)), path].double().sum())


def collapsed(path):
    return [token for token, _ in itertools.groupby(path) if token]


def torchaudio_spans(frames, label):
    functional = pytest.importorskip("torchaudio.functional")
    path, scores = functional.forced_align(frames[None], torch.tensor([label]), blank=0)
    return functional.merge_tokens(path[0], scores[0].exp())


@settings(deadline=None, derandomize=True)
@given(seeds, st.integers(2, 5), st.lists(st.integers(1, 4), min_size=1, max_size=60), st.integers(0, 3 * BLOCK))
def test_the_path_is_as_likely_as_torchaudios(seed, num_tokens, label, spare):
    label = [1 + token % (num_tokens - 1) for token in label]  # of two tokens, repeats alone
    frames = log_probability(needed_frames(torch.tensor(label)) + spare, num_tokens, seed)
    theirs = [Span(span.start, span.end - 1, span.score) for span in torchaudio_spans(frames, label)]
    assert score_of(align(frames, label), frames, label) == pytest.approx(score_of(theirs, frames, label), abs=1e-3)


@pytest.mark.parametrize(("num_frames", "label"), [
    (30, [3, 3, 1, 2]), (9, [1, 1, 1, 1, 1]), (4, [2]), (1, [4]), (50, [1, 2, 3, 4, 4, 4, 2, 1]),
    (3 * BLOCK, [1, 2, 3, 3] * 25)])  # fmt: skip
def test_tokens_lie_where_torchaudio_puts_them_and_are_as_sure_as_their_best_frame(num_frames, label):
    frames = log_probability(num_frames, 5, num_frames)
    ours = align(frames, label)
    assert [(span.first, span.last + 1) for span in ours] == [
        (span.start, span.end) for span in torchaudio_spans(frames, label)]
    for span, token in zip(ours, label, strict=True):
        assert span.confidence == pytest.approx(float(frames[span.first : span.last + 1, token].max().exp()))


@settings(deadline=None, derandomize=True)
@given(seeds, st.integers(1, 6), st.lists(st.integers(1, 2), min_size=1, max_size=4))
def test_no_path_of_the_label_is_better(seed, num_frames, label):
    frames = log_probability(num_frames, 3, seed)
    paths = [path for path in itertools.product(range(3), repeat=num_frames) if collapsed(path) == label]
    if not paths:
        with pytest.raises(ValueError, match=f"{num_frames} frames cannot carry {len(label)} tokens"):
            align(frames, label)
        return
    best = max(float(frames[range(num_frames), list(path)].double().sum()) for path in paths)
    assert score_of(align(frames, label), frames, label) == pytest.approx(best, abs=1e-4)


@settings(deadline=None, derandomize=True)
@given(seeds, st.integers(1, 2 * BLOCK + 2))
def test_a_longer_silence_behind_moves_no_token(seed, silence):
    frames, label = log_probability(20, 4, seed), [1, 1, 3, 2]
    quiet = torch.full((silence, 4), -20.0)
    quiet[:, 0] = 0.0
    assert align(torch.cat([frames, quiet]), label)[:-1] == align(frames, label)[:-1]


def test_a_label_without_tokens_has_no_spans_and_one_too_long_is_refused():
    assert align(log_probability(3, 3, 0), []) == []
    with pytest.raises(ValueError, match="2 frames cannot carry 2 tokens"):
        align(log_probability(2, 3, 0), [1, 1])
