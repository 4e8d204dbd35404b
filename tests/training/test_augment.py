"""Augmentation of the labelled rows: distributions by expectation and against ESPnet's, and what depends on what."""


import numpy as np
import pytest
import torch

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.convert.fit import Shape
from espnet_bljust.network.heads.masking import stripe_mask
from espnet_bljust.network.joint import JointBatch
from espnet_bljust.network.log_mel_config import mel_frames
from espnet_bljust.network.packed.packing import hide, silence
from espnet_bljust.network.trunks.log_mel import LogMel, SpectrumMask
from espnet_bljust.training.augment import AugmentConfig, Turn, channel_masks, spectrum_masks
from espnet_bljust.training.masks import Drawing, MaskingConfig, labelled_masks
from tests.helpers.small import Trainer, constant_plan, make_model, micro_batch, step_of, weights

EXTRACTORS = {"wav2vec2": "network.trunk.feature_extractor.", "lstm": "network.trunk.convolutions.",
              "gru": "network.trunk.convolutions.", "conformer": "network.trunk.embed."}

FIRST = Turn(0)
CONFIG = AugmentConfig(num_freq_masks=2, freq_mask_share=27 / 80, time_masks_per_second=1.0)


def masks(utterances, num_samples, turn=FIRST, config=CONFIG, seed=0):
    return spectrum_masks(turn, utterances, num_samples, config, num_mels=80, seed=seed)


def test_a_stripes_width_is_uniform_below_its_limit_as_espnets_mask_along_axis():
    from espnet2.layers.mask_along_axis import mask_along_axis

    rng = np.random.default_rng(0)
    ours = np.bincount([stripe_mask(80, count=1, width=27, rng=rng).sum() for _ in range(20_000)], minlength=28)
    torch.manual_seed(0)
    spectrum, _ = mask_along_axis(torch.ones(20_000, 1, 80), torch.ones(20_000), (0, 27), dim=2, num_mask=1)
    theirs = np.bincount((spectrum == 0).sum((1, 2)).numpy(), minlength=28)
    assert ours[27] == theirs[27] == 0
    expected = 20_000 / 27
    for found in (ours, theirs):  # 6 standard deviations
        assert (abs(found[:27] - expected) < 6 * expected**0.5).all()


def test_every_place_of_a_stripe_is_as_likely():
    """Brute sum over widths 0 .. 4 and the places where each fits."""
    expected = np.zeros(10)
    for width in range(5):
        for start in range(10 - width + 1):
            expected[start : start + width] += 1 / 5 / (10 - width + 1)
    rng = np.random.default_rng(1)
    found = np.mean([stripe_mask(10, count=1, width=5, rng=rng) for _ in range(40_000)], 0)
    np.testing.assert_allclose(found, expected, atol=0.012)


@pytest.mark.parametrize("width", [0.0, 0.9, 1.0])
def test_a_limit_of_one_or_less_hides_nothing(width):
    assert not stripe_mask(10, count=50, width=width, rng=np.random.default_rng(0)).any()


def test_a_limit_beyond_the_axis_is_the_axis():
    found = [stripe_mask(4, count=1, width=100, rng=np.random.default_rng(seed)).sum() for seed in range(200)]
    assert set(found) == {0, 1, 2, 3}


def test_time_masks_come_by_the_second_and_their_number_is_exact_in_the_mean():
    """0.3 a second of 2.5 s: none or one, so that none overlaps another, of (25 - 1) / 2 frames on average."""
    config = AugmentConfig(time_masks_per_second=0.3, time_mask_seconds=0.25, max_time_share=1.0)
    names, samples = [f"u{index}" for index in range(4000)], [40_000] * 4000
    drawn = masks(names, samples, config=config)
    frames = mel_frames(40_000)
    per_utterance = drawn.frames.view(4000, frames).sum(1).double()
    assert float(per_utterance.mean()) == pytest.approx(0.75 * 12, rel=0.05)
    assert int(per_utterance.max()) == 24
    assert float((per_utterance > 0).double().mean()) == pytest.approx(0.75 * 24 / 25, abs=0.03)


def test_no_utterance_loses_more_than_the_share():
    config = AugmentConfig(time_masks_per_second=4, time_mask_seconds=2.0, max_time_share=0.3)
    samples = [8000, 16_000, 40_000] * 30
    drawn = masks([f"u{index}" for index in range(90)], samples, config=config)
    for part in drawn.frames.split([mel_frames(each) for each in samples]):
        assert int(part.sum()) <= 0.3 * len(part)
    assert float(drawn.frames.double().mean()) > 0.1


def test_an_utterances_masks_are_its_own_in_any_batch_and_others_by_pass_and_seed():
    names, samples = ["a", "b", "c"], [16_000, 9_000, 30_000]
    together = masks(names, samples)
    parts = together.frames.split([mel_frames(each) for each in samples])
    for index, (name, each) in enumerate(zip(names, samples, strict=True)):
        alone = masks([name], [each])
        assert alone.frames.tolist() == parts[index].tolist()
        assert alone.bands[0].tolist() == together.bands[index].tolist()
    for other in ({"turn": Turn(1)}, {"seed": 1}):
        assert masks(names, samples, **other).bands.tolist() != together.bands.tolist()
        assert masks(names, samples, **other).frames.tolist() != together.frames.tolist()


def test_strength_scales_the_widths_and_nought_hides_nothing():
    names, samples = [f"u{index}" for index in range(500)], [32_000] * 500
    whole, half, none = (masks(names, samples, Turn(0, strength)) for strength in (1.0, 0.5, 0.0))
    assert not none.frames.any() and not none.bands.any()
    for name in ("frames", "bands"):
        full, part = (float(getattr(each, name).double().mean()) for each in (whole, half))
        assert 0.4 < part / full < 0.6


def test_what_is_hidden_is_0_the_rest_is_untouched_and_the_pools_rows_too():
    generator = torch.Generator().manual_seed(0)
    waves = [torch.randn(size, generator=generator, dtype=torch.float64) for size in (8000, 5000, 6000)]
    log_mel = LogMel(12).double()
    plain, lengths = log_mel(waves)
    frames = torch.rand(sum(lengths[:2]), generator=generator) < 0.3
    bands = torch.rand(2, 12, generator=generator) < 0.3
    found, _ = log_mel(waves, SpectrumMask(frames, bands))
    for row in range(sum(lengths)):
        utterance = 0 if row < lengths[0] else 1
        for band in range(12):
            hidden = row < len(frames) and bool(frames[row] or bands[utterance, band])
            assert found[row, band] == (0 if hidden else plain[row, band])


def test_a_trunk_without_a_spectrum_refuses_masks_on_it():
    with pytest.raises(InputError, match="augment_conf: num_freq_masks.*wav2vec2"):
        Drawing.of(Shape(TrunkConfig(), SSLConfig(), 5), MaskingConfig(), AugmentConfig(num_freq_masks=2), 0)


@pytest.mark.parametrize(("name", "value"), [
    ("num_freq_masks", -1), ("freq_mask_share", 1.5), ("time_masks_per_second", -1), ("max_time_share", 2),
    ("num_freq_masks", 1.5), ("num_frequency_masks", 2),
])  # fmt: skip
def test_a_value_out_of_range_is_named(name, value):
    with pytest.raises(InputError, match=f"augment_conf: .*{name}"):
        AugmentConfig.from_dict({name: value})


@pytest.mark.parametrize(("probability", "span", "min_spans"), [(0.5, 64, 0), (0.25, 64, 0), (0.1, 10, 2)])
def test_spans_are_as_many_as_those_of_hugging_faces_mask_indices(probability, span, min_spans):
    """Channel masks of 768 (no least number), and time masks of at least two spans; to 4 standard errors."""
    from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices

    size, count = (768, 3000) if span == 64 else (49, 3000)
    names = [f"u{index}" for index in range(count)]
    if min_spans:
        config = MaskingConfig(labelled_probability=probability, labelled_span=span, labelled_min_spans=min_spans)
        ours = labelled_masks(names, [size] * count, config, 0, 0).view(count, size)
    else:
        config = AugmentConfig(channel_mask_probability=probability, channel_mask_span=span)
        ours = channel_masks(FIRST, names, config, dim=size, seed=0)
    np.random.seed(0)
    theirs = torch.from_numpy(_compute_mask_indices((count, size), probability, span, min_masks=min_spans))
    shares = [masked.double().mean(1) for masked in (ours, theirs)]
    error = max(float(share.std()) for share in shares) / count**0.5
    assert abs(float(shares[0].mean() - shares[1].mean())) < 4 * 2**0.5 * error + 1e-9


def test_a_channel_mask_is_its_utterances_own_and_scaled_by_the_strength():
    config = AugmentConfig(channel_mask_probability=0.5, channel_mask_span=4)
    names = [f"u{index}" for index in range(300)]
    together = channel_masks(FIRST, names, config, dim=32, seed=0)
    assert torch.equal(together[7:8], channel_masks(FIRST, names[7:8], config, dim=32, seed=0))
    assert not torch.equal(together, channel_masks(Turn(1), names, config, dim=32, seed=0))
    half = channel_masks(Turn(0, 0.5), names, config, dim=32, seed=0)
    assert 0.4 < float(half.double().mean() / together.double().mean()) < 0.65
    assert not channel_masks(Turn(0, 0.0), names, config, dim=32, seed=0).any()


def test_masked_channels_are_0_over_the_whole_utterance_behind_the_mask_embedding_too():
    rows, embedding = torch.randn(7, 3), torch.ones(3)
    mask = torch.tensor([True, False, False, True, False, False, False])
    channels = torch.tensor([[True, False, False], [False, False, True]])
    found = silence(hide(rows, mask, embedding), [2, 3, 2], channels)
    for row in range(7):
        utterance = 0 if row < 2 else 1 if row < 5 else 2
        for channel in range(3):
            value = 1.0 if mask[row] else float(rows[row, channel])
            assert float(found[row, channel]) == (0.0 if utterance < 2 and channels[utterance, channel] else value)


@pytest.mark.parametrize("system", ["wav2vec2", "lstm", "gru", "conformer"])
def test_a_resting_extractor_gets_no_gradient_and_all_else_that_of_detached_features(system):
    """The labelled loss: by hand, the trunk on features computed without a graph."""
    batch = micro_batch((0, 1, 2), system=system)
    plan = constant_plan("final", 1, extractor_rests=("final",))
    found = step_of(make_model(system=system), plan, batch)
    whole = step_of(make_model(system=system), constant_plan("final", 1), batch)
    resting = [name for name in found if name.startswith(EXTRACTORS[system])]
    assert resting and not any(found[name].any() for name in resting)
    assert all(whole[name].abs().max() > 0 for name in resting if name.endswith("weight"))
    for name in found:  # what lies behind the extractor does not notice
        if name not in resting:
            torch.testing.assert_close(found[name], whole[name], rtol=0, atol=1e-12)
    trainer = Trainer(make_model(system=system), torch.optim.AdamW, weight_decay=0.1).run(plan, batch)
    before, after = weights(make_model(system=system)), weights(trainer.model)
    assert all(torch.equal(before[name], after[name]) for name in resting)


def test_a_process_without_audio_leaves_a_resting_extractor_without_a_gradient_too():
    model = make_model()
    model(JointBatch(), extractor_rests=True)["supervised"].backward()
    reached = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    theta = {name for name in weights(model) if name.startswith("network.trunk.")}
    assert reached == {name for name in theta if not name.startswith(EXTRACTORS["wav2vec2"])}
