"""Masks, negatives and noise: drawn an utterance and a pass at a time, for utterances of any length."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.network.config import CPCConfig, SSLConfig, TrunkConfig
from espnet_bljust.network.convert.fit import Shape
from espnet_bljust.training.augment import AugmentConfig, Turn
from espnet_bljust.training.masks import Drawing, MaskingConfig, draw_pool, labelled_masks

CODEBOOK = (2, 5)  # groups, codes
CONFIG = MaskingConfig(num_negatives=7)
LENGTHS = st.lists(st.integers(1, 120), min_size=1, max_size=8)
few = settings(max_examples=60, deadline=None, derandomize=True)


def names(lengths):
    return [f"utt{index}" for index in range(len(lengths))]


def draw(utterances, lengths, seed=0, epoch=0, config=CONFIG):
    return draw_pool(utterances, lengths, config, CODEBOOK, seed, epoch)


def by_utterance(utterances, lengths, drawn):
    """(mask, negatives, noise) as plain lists an utterance, cut by hand out of the packed draw."""
    parts, row, noisy = {}, 0, 0
    for index, (utterance, frames) in enumerate(zip(utterances, lengths, strict=True)):
        mask = drawn.mask[row : row + frames]
        masked = int(mask.sum())
        noise = drawn.noise[noisy : noisy + masked]
        parts[utterance] = (mask.tolist(), drawn.negatives[index].tolist(), noise.tolist())
        row, noisy = row + frames, noisy + masked
    assert row == len(drawn.mask) and noisy == len(drawn.noise)
    return parts


@few
@given(LENGTHS, st.integers(0, 3), st.integers(0, 3), st.randoms(use_true_random=False))
def test_an_utterances_draw_is_the_same_alone_and_inside_any_batch(lengths, seed, epoch, order):
    pairs = list(zip(names(lengths), lengths, strict=True))
    alone = {}
    for utterance, frames in pairs:
        alone |= by_utterance([utterance], [frames], draw([utterance], [frames], seed, epoch))
    order.shuffle(pairs)
    utterances, shuffled = map(list, zip(*pairs, strict=True))
    np.random.seed(order.randrange(1000))  # neither numpy's nor torch's global state has a say
    torch.manual_seed(order.randrange(1000))
    assert by_utterance(utterances, shuffled, draw(utterances, shuffled, seed, epoch)) == alone


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}, {"utterances": ["other"]}])
def test_another_seed_pass_or_utterance_draws_anew(other):
    first = draw(["utt"], [200])
    second = draw(**{"utterances": ["utt"], "lengths": [200], **other})
    assert first.mask.tolist() != second.mask.tolist()
    assert first.noise[:20].tolist() != second.noise[:20].tolist()


@few
@given(LENGTHS, st.integers(0, 5))
def test_noise_and_negatives_have_a_row_for_every_masked_frame(lengths, epoch):
    drawn = draw(names(lengths), lengths, epoch=epoch)
    assert drawn.mask.dtype == torch.bool and len(drawn.mask) == sum(lengths)
    assert drawn.noise.shape == (int(drawn.mask.sum()), *CODEBOOK) and drawn.noise.isfinite().all()
    masked = [int(part.sum()) for part in drawn.mask.split(lengths)]
    assert [tuple(part.shape) for part in drawn.negatives] == [(count, 7) for count in masked]


@few
@given(LENGTHS, st.integers(0, 5))
def test_a_negative_is_another_masked_frame_of_its_own_utterance(lengths, epoch):
    for negatives in draw(names(lengths), lengths, epoch=epoch).negatives:
        count = len(negatives)
        assert ((negatives >= 0) & (negatives < count)).all()
        assert (negatives != torch.arange(count)[:, None]).all()


@pytest.mark.parametrize("frames", range(1, 21))
@pytest.mark.parametrize("span", [1, 2, 5, 10])
def test_short_utterances_never_fail_and_are_targets_only_with_a_negative(frames, span):
    config = MaskingConfig(pool_span=span, labelled_span=span, num_negatives=3)
    for epoch in range(20):
        drawn = draw(["utt"], [frames], epoch=epoch, config=config)
        masked = int(drawn.mask.sum())
        assert masked != 1 and len(drawn.mask) == frames
        assert masked >= 2 or frames == 1  # two frames are enough: each is the other's negative
        assert len(labelled_masks(["utt"], [frames], config, 0, epoch)) == frames


def test_an_utterance_of_one_frame_is_no_target_and_leaves_its_neighbours_theirs():
    drawn = draw(["long", "short", "other"], [60, 1, 60])
    assert not drawn.mask[60] and drawn.negatives[1].shape == (0, 7)
    assert drawn.mask[:60].any() and drawn.mask[61:].any()


def test_utterances_without_a_single_frame_are_drawn_as_nothing():
    drawn = draw(["none", "long"], [0, 60])
    assert drawn.negatives[0].shape == (0, 7) and len(drawn.mask) == 60
    assert labelled_masks(["none", "long"], [0, 60], CONFIG, 0, 0).shape == (60,)


def test_the_share_of_masked_frames_is_that_of_its_configuration():
    """Spans of 1 frame cannot overlap (starts are drawn without replacement), so the share is the probability."""
    config = MaskingConfig(pool_probability=0.4, pool_span=1, labelled_probability=0.1, labelled_span=1)
    utterances, lengths = [f"u{index}" for index in range(200)], [101] * 200
    assert abs(draw(utterances, lengths, config=config).mask.float().mean() - 0.4) < 0.005
    assert abs(labelled_masks(utterances, lengths, config, 0, 0).float().mean() - 0.1) < 0.005


@few
@given(LENGTHS, st.integers(0, 3))
def test_labelled_masks_depend_on_the_utterance_alone_and_not_on_the_pools_draw(lengths, epoch):
    utterances = names(lengths)
    together = labelled_masks(utterances, lengths, CONFIG, 0, epoch)
    alone = [labelled_masks([utterance], [frames], CONFIG, 0, epoch)
             for utterance, frames in zip(utterances, lengths, strict=True)]
    assert together.tolist() == torch.cat(alone).tolist()


def test_without_labelled_masking_no_frame_is_masked():
    config = MaskingConfig(labelled_probability=0.0)
    assert not labelled_masks(["a", "b"], [300, 5], config, 0, 0).any()


def test_the_noise_is_gumbel_distributed():
    from scipy.stats import gumbel_r, kstest

    draw = draw_pool(["a"], [2000], MaskingConfig(), (2, 20), seed=0, epoch=0)
    assert draw.noise.dtype == torch.float32 and torch.isfinite(draw.noise).all()
    assert kstest(draw.noise.flatten().numpy(), gumbel_r.cdf).pvalue > 0.01


@pytest.mark.parametrize("ssl", [SSLConfig(groups=2, codes=5), CPCConfig()])
@pytest.mark.parametrize("probability", [0.0, 0.65])
def test_whether_audio_can_be_a_target_depends_on_its_length_alone(ssl, probability):
    """Draws of many passes agree with it, and whatever is longer than a target is one."""
    masking = MaskingConfig(pool_probability=probability, num_negatives=7)
    drawing = Drawing.of(Shape(TrunkConfig(), ssl, 5), masking, AugmentConfig(), 0)
    can = [drawing.has_targets(samples) for samples in range(0, 6000, 7)]
    assert can == sorted(can) and can[-1] and not can[0]
    for samples in (400, 719, 720, 2000, 5999, 48_000, 60_001):
        drawn = {any(map(len, drawing.pool(Turn(epoch), ["u"], [samples]).negatives)) for epoch in range(20)}
        assert drawn == {drawing.has_targets(samples)}
