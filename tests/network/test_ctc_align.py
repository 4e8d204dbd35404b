"""The alignment against torchaudio's and against every path."""

import itertools

import pytest
import torch

from espnet_bljust.decoding.align import align

functional = pytest.importorskip("torchaudio.functional")


def frames_of(num_frames, num_tokens, seed):
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(num_frames, num_tokens, generator=generator)).log_softmax(-1)


@pytest.mark.parametrize(("num_frames", "label"), [(30, [3, 3, 1, 2]), (9, [1, 1, 1, 1, 1]), (4, [2]), (1, [4]),
                                                   (50, [1, 2, 3, 4, 4, 4, 2, 1])])  # fmt: skip
def test_tokens_lie_where_torchaudio_puts_them(num_frames, label):
    frames = frames_of(num_frames, 5, num_frames)
    path, scores = functional.forced_align(frames[None], torch.tensor([label]), blank=0)
    theirs = functional.merge_tokens(path[0], scores[0].exp())
    ours = align(frames, label)
    assert [(span.first, span.last + 1) for span in ours] == [(span.start, span.end) for span in theirs]
    for span, token in zip(ours, label, strict=True):
        assert span.confidence == pytest.approx(float(frames[span.first : span.last + 1, token].max().exp()))


def test_no_path_of_the_label_is_better():
    frames = frames_of(6, 3, 5)
    spans = align(frames, [1, 2, 2])
    path = [0] * 6
    for span, token in zip(spans, [1, 2, 2], strict=True):
        path[span.first : span.last + 1] = [token] * (span.last + 1 - span.first)
    score = sum(float(frames[place, token]) for place, token in enumerate(path))
    fitting = [one for one in itertools.product(range(3), repeat=6)
               if [token for token, _ in itertools.groupby(one) if token] == [1, 2, 2]]  # fmt: skip
    assert score == pytest.approx(max(sum(float(frames[i, k]) for i, k in enumerate(one)) for one in fitting))


def test_a_label_without_tokens_has_no_spans_and_one_too_long_is_refused():
    assert align(frames_of(3, 3, 0), []) == []
    with pytest.raises(ValueError, match="2 frames cannot carry 2 tokens"):
        align(frames_of(2, 3, 0), [1, 1])
