"""Log-mel features against torchaudio's, ESPnet's conventions of length, and what normalisation promises."""

import pytest
import torch

from espnet_bljust.network.log_mel_config import mel_frames
from espnet_bljust.network.trunks.log_mel import EPSILON, FLOOR, LogMel, mel_filters

torchaudio = pytest.importorskip("torchaudio", reason="torchaudio is not installed: the extra `test`")


@pytest.mark.parametrize("num_mels", [40, 80])
def test_filters_are_torchaudios(num_mels):
    with torch.no_grad():
        theirs = torchaudio.functional.melscale_fbanks(257, 0.0, 8000.0, num_mels, 16000)
    torch.testing.assert_close(mel_filters(num_mels).float(), theirs, rtol=1e-3, atol=1e-5)


def test_features_are_torchaudios_mel_spectrogram_log_and_normalised(make_waves):
    """Theirs reads 512 samples with the window of 400 in the middle: 56 zeros on either side move it to ours."""
    transform = torchaudio.transforms.MelSpectrogram(16000, n_fft=512, win_length=400, hop_length=160, n_mels=80,
                                                     center=False)
    waves = make_waves(dtype=torch.float32)
    rows, lengths = LogMel(80)(waves)
    for wave, ours in zip(waves, rows.split(lengths), strict=True):
        theirs = transform(torch.nn.functional.pad(wave, (56, 56))).t().clamp_min(FLOOR).log()
        variance, mean = torch.var_mean(theirs, 0, correction=0)
        torch.testing.assert_close(ours, (theirs - mean) / (variance + EPSILON).sqrt(), rtol=0, atol=2e-3)


def test_a_slow_loop_over_windows_gives_the_same(make_waves):
    (wave,) = make_waves(lengths=(1200,))
    log_mel = LogMel(40).double()
    rows, lengths = log_mel([wave])
    expected = []
    for first in range(0, 1200 - 400 + 1, 160):
        window = wave[first : first + 400] * torch.hann_window(400, dtype=torch.float64)
        frequency = torch.arange(257, dtype=torch.float64)[:, None] * torch.arange(400) / 512
        angle = 2 * torch.pi * frequency
        power = (angle.cos() @ window) ** 2 + (angle.sin() @ window) ** 2
        expected.append((power @ log_mel.filters).clamp_min(FLOOR).log())
    expected = torch.stack(expected)
    expected = (expected - expected.mean(0)) / (expected.var(0, correction=0) + EPSILON).sqrt()
    assert lengths == [6]
    torch.testing.assert_close(rows, expected, rtol=1e-5, atol=1e-5)


def test_loudness_and_a_fixed_filter_are_taken_away(make_waves):
    (wave,) = make_waves(lengths=(16000,))
    log_mel = LogMel(40).double()
    torch.testing.assert_close(log_mel([wave])[0], log_mel([0.05 * wave])[0], rtol=0, atol=1e-4)


def test_silence_is_finite_and_frames_are_whole_windows():
    rows, lengths = LogMel(40)([torch.zeros(400), torch.zeros(719), torch.zeros(720)])
    assert torch.isfinite(rows).all() and lengths == [1, 2, 3]
    assert [mel_frames(samples) for samples in (0, 399, 400, 559, 560, 16000)] == [0, 0, 1, 1, 2, 98]
