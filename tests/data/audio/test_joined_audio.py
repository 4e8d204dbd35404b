"""Entries of wav.scp that join recordings, and zip archives: what comes out is what went in, and what is refused."""

import zipfile

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.reading import files_of, read_audio
from espnet_bljust.data.kaldi.audio_check import _missing
from espnet_bljust.disk.archive import extract_zip
from espnet_bljust.errors import InputError


@pytest.fixture
def recordings(tmp_path):
    """Three files and their samples."""
    made = {}
    for number, name in enumerate("abc"):
        made[str(tmp_path / f"{name}.wav")] = np.random.default_rng(number).uniform(-1, 1, 1600 + number)
    for path, samples in made.items():
        soundfile.write(path, samples, 16000, subtype="FLOAT")
    return made


def test_a_joined_entry_is_its_recordings_one_behind_the_other(recordings):
    samples, rate = read_audio(" + ".join(recordings))
    due = np.concatenate(list(recordings.values())).astype(np.float32)
    assert rate == 16000 and np.array_equal(samples, due)
    stretch, _ = read_audio(" + ".join(recordings), 0.05, 0.25)
    assert np.array_equal(stretch, due[800:4000])


def test_recordings_of_other_rates_are_not_joined_and_a_missing_one_is_named(recordings, tmp_path):
    soundfile.write(tmp_path / "slow.wav", np.zeros(100), 8000)
    first = next(iter(recordings))
    with pytest.raises(InputError, match="different rates or channels"):
        read_audio(f"{first} + {tmp_path / 'slow.wav'}")
    with pytest.raises(InputError, match="none.wav: no such audio file"):
        read_audio(f"{first} + {tmp_path / 'none.wav'}")
    assert f"{tmp_path}/none.wav: no such audio file" in _missing(f"{first} + {tmp_path / 'none.wav'}", pipes=False)
    assert _missing(" + ".join(recordings), pipes=False) == ""


def test_a_file_that_has_the_sign_in_its_name_is_one_recording_and_a_pipe_is_a_pipe(recordings, tmp_path):
    odd = tmp_path / "a + b.wav"
    soundfile.write(odd, np.zeros(160), 16000)
    assert files_of(str(odd)) == [str(odd)] and len(read_audio(str(odd))[0]) == 160
    assert files_of("cat a + b |") == ["cat a + b |"]


def test_a_zip_comes_out_whole_or_not_at_all(tmp_path):
    good = tmp_path / "good.zip"
    with zipfile.ZipFile(good, "w") as file:
        file.writestr("Actor_01/a.wav", b"samples" * 100)
    extract_zip(good, tmp_path / "out")
    assert (tmp_path / "out/Actor_01/a.wav").read_bytes() == b"samples" * 100
    (tmp_path / "cut.zip").write_bytes(good.read_bytes()[:-30])
    with pytest.raises(InputError, match="not a whole zip archive"):
        extract_zip(tmp_path / "cut.zip", tmp_path / "cut")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr("../outside", b"x")
    with pytest.raises(InputError, match="points outside"):
        extract_zip(tmp_path / "bad.zip", tmp_path / "bad")
    assert not (tmp_path / "cut").exists() and not (tmp_path / "bad").exists() and not (tmp_path / "outside").exists()
