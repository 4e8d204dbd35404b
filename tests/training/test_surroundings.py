"""Noise, rooms and gain: closed forms, and what a draw depends on."""

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.mixing import in_room, pink_noise, with_noise
from espnet_bljust.data.feeding.samples import Sample
from espnet_bljust.errors import InputError
from espnet_bljust.training.augment import AugmentConfig, Turn
from espnet_bljust.training.surroundings import Surroundings

RNG = np.random.default_rng(0)
SPEECH = RNG.standard_normal(8000).astype(np.float32) * 0.1


def db(signal, noise):
    return 10 * np.log10(np.square(signal, dtype=float).mean() / np.square(noise, dtype=float).mean())


def sound(folder, **conf):
    placed = {name: str(folder / value) if name.endswith("_scp") else value for name, value in conf.items()}
    return Surroundings.of(AugmentConfig.from_dict(placed), 3)


@pytest.fixture
def noises(tmp_path):
    for index, (rate, seconds) in enumerate([(16000, 2), (8000, 0.1), (44100, 3)]):
        (tmp_path / "noise/deep").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / f"noise/deep/{index}.wav", 0.1 * RNG.standard_normal(int(rate * seconds)), rate)
    return tmp_path


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0])
def test_noise_stands_at_the_ratio_asked_for(snr):
    noise = pink_noise(len(SPEECH), 16000, RNG)
    assert db(SPEECH, with_noise(SPEECH, noise, snr) - SPEECH) == pytest.approx(snr, abs=1e-3)


def test_silence_on_either_side_adds_nothing():
    assert np.array_equal(with_noise(SPEECH, np.zeros(8000), 10), SPEECH)
    assert not with_noise(np.zeros(80, np.float32), np.ones(80), 10).any()


def test_pink_noise_loses_three_decibels_an_octave():
    power = np.mean([np.abs(np.fft.rfft(pink_noise(16000, 16000, RNG))) ** 2 for _ in range(50)], axis=0)
    octaves = [power[low : 2 * low].mean() for low in (100, 200, 400, 800, 1600, 3200)]
    assert np.diff(10 * np.log10(octaves)) == pytest.approx(-3.01, abs=0.3)


def test_a_room_is_a_convolution_with_the_direct_sound_in_its_place():
    assert in_room(SPEECH, np.array([0, 0, -0.5, 0])) == pytest.approx(-SPEECH, abs=1e-6)
    response = np.array([0.1, 1.0, 0.0, 0.3])
    whole = np.convolve(SPEECH, response)[1 : 1 + len(SPEECH)]
    assert in_room(SPEECH, response) == pytest.approx(whole * np.sqrt((SPEECH**2).mean() / (whole**2).mean()), abs=1e-5)


def test_what_is_heard_depends_on_seed_pass_and_utterance_alone(noises):
    heard = sound(noises, noise_scp="noise", noise_db_range=[5, 10], gain_db_range=[-6, 6])
    one = heard(Turn(1), Sample("a", SPEECH, None)).wave
    assert np.array_equal(heard(Turn(1), Sample("a", SPEECH, None)).wave, one)
    others = [heard(Turn(2), Sample("a", SPEECH, None)), heard(Turn(1), Sample("b", SPEECH, None)),
              heard._replace(seed=4)(Turn(1), Sample("a", SPEECH, None))]
    assert not any(np.allclose(other.wave, one) for other in others)
    assert one.dtype == np.float32 and len(one) == len(SPEECH)
    assert np.array_equal(heard(Turn(1, 0.0), Sample("a", SPEECH, None)).wave, SPEECH)  # before the ramp


def test_ratios_and_levels_lie_in_their_ranges_with_noise_of_any_rate_and_length(noises):
    heard = sound(noises, noise_scp="noise", noise_db_range=[5, 10])
    ratios = [db(SPEECH, heard(Turn(turn), Sample("a", SPEECH, None)).wave - SPEECH) for turn in range(200)]
    assert 4.99 < min(ratios) < 5.3 and 9.7 < max(ratios) < 10.01
    louder = sound(noises, gain_db_range=[-6, 3])
    levels = [db(louder(Turn(turn), Sample("a", SPEECH, None)).wave, SPEECH) for turn in range(200)]
    assert -6.01 < min(levels) < -5.7 and 2.7 < max(levels) < 3.01


def test_a_share_of_the_utterances_hears_noise_and_the_ramp_lets_some_of_them_in_first(noises):
    heard = sound(noises, noise_scp="noise", noise_apply_prob=0.4)
    half, full = ([bool((heard(Turn(turn, strength), Sample("a", SPEECH, None)).wave != SPEECH).any())
                   for turn in range(500)] for strength in (0.5, 1.0))
    assert sum(full) == pytest.approx(200, abs=55) and sum(half) == pytest.approx(100, abs=45)
    assert all(late or not early for early, late in zip(half, full, strict=True))


def test_a_wav_scp_does_as_its_folder_and_without_any_nothing_is_done(noises):
    files = sorted((noises / "noise").rglob("*.wav"))
    (noises / "wav.scp").write_text("".join(f"n{index} {file}\n" for index, file in enumerate(files)))
    sample = Sample("a", SPEECH, None)
    listed, folder = (sound(noises, noise_scp=name)(Turn(1), sample) for name in ("wav.scp", "noise"))
    assert np.array_equal(listed.wave, folder.wave)
    assert Surroundings.of(AugmentConfig(), 0).alter is None


@pytest.mark.parametrize(("conf", "said"), [
    ({"noise_scp": "missing"}, "noise_scp: .*missing is neither a folder nor a wav.scp"),
    ({"rir_scp": "empty"}, "rir_scp: no recording in .*empty"),
    ({"noise_scp": "broken"}, "broken/x.wav: unreadable audio"),
    ({"noise_db_range": [10, 5]}, r"noise_db_range is \[10, 5\], whose first is the larger"),
])  # fmt: skip
def test_what_cannot_be_heard_is_refused_before_training(tmp_path, conf, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/x.wav").write_bytes(b"no audio")
    with pytest.raises(InputError, match=said):
        sound(tmp_path, **conf)
