import numpy as np
import pytest

from espnet_bljust.data.audio.resample import resample


def sine(frequency, rate, seconds=0.5):
    return np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000])
def test_a_tone_in_band_keeps_its_pitch_level_and_phase(rate):
    out = resample(sine(1000, rate), rate, 16000)
    expected = sine(1000, 16000, len(out) / 16000)
    middle = slice(1000, len(out) - 1000)
    assert abs(len(out) - 8000) <= 1
    assert np.abs(out[middle] - expected[middle]).max() < 1e-3


def test_a_tone_above_the_new_nyquist_frequency_is_gone():
    out = resample(sine(9000, 48000), 48000, 16000)[1000:-1000]
    assert 20 * np.log10(np.abs(out).max()) < -80


def test_the_same_rate_leaves_every_sample_as_it_is():
    samples = sine(440, 16000)
    assert resample(samples, 16000, 16000) is samples


@pytest.mark.parametrize("speed", ["0.9", "1.1"])
def test_speed_changes_length_and_pitch_together(speed):
    out = resample(sine(1000, 16000, 1.0), 16000, 16000, speed=speed)
    assert abs(len(out) - 16000 / float(speed)) <= 1
    spectrum = np.abs(np.fft.rfft(out[2000:12000]))
    assert abs(spectrum.argmax() * 16000 / 10000 - 1000 * float(speed)) < 2
