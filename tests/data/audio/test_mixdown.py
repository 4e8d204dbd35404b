"""Several channels as one: their mean, but for channels that cancel each other."""

import numpy as np

from espnet_bljust.data.audio.mixdown import mono

WAVE = np.sin(np.arange(1600) / 7).astype(np.float32)


def test_channels_in_antiphase_leave_the_louder_one():
    wave, cancels = mono(np.stack([WAVE, -1.001 * WAVE], 1))
    assert cancels and np.array_equal(wave, -1.001 * WAVE)


def test_all_else_is_the_mean():
    for other in (WAVE, 0 * WAVE, -0.5 * WAVE, WAVE[::-1]):
        wave, cancels = mono(np.stack([WAVE, other], 1))
        assert not cancels and np.allclose(wave, (WAVE + other) / 2)
    assert np.array_equal(mono(WAVE[:, None])[0], WAVE) and not mono(np.zeros((5, 2)))[1]
