"""WAV headers: the same as libsndfile's, and what is wrong with a file that is not whole."""

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.wav import check_wavs, read_wav_header
from espnet_bljust.errors import InputError


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_headers_are_libsndfiles(tmp_path, form, subtype):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((1234, 2)), 48000, subtype=subtype, format=form)
    assert read_wav_header(path) == (48000, 2, soundfile.info(path).frames)


def test_chunks_before_the_samples_are_passed_over_whatever_their_length(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100), 16000, subtype="PCM_16")
    data = path.read_bytes()
    note = b"LIST" + (20001).to_bytes(4, "little") + bytes(20002)  # odd lengths are padded
    path.write_bytes(data[:12] + note + data[12:])
    assert read_wav_header(path) == (16000, 1, 100)


def test_what_is_wrong_is_said_of_each_file_in_its_order(tmp_path):
    good = tmp_path / "good.wav"
    soundfile.write(good, np.zeros(100), 16000, subtype="PCM_16")
    whole = good.read_bytes()
    soundfile.write(tmp_path / "rate.wav", np.zeros(100), 8000, subtype="PCM_16")
    soundfile.write(tmp_path / "stereo.wav", np.zeros((100, 2)), 16000, subtype="PCM_16")
    soundfile.write(tmp_path / "float.wav", np.zeros(100), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "void.wav", np.zeros(0), 16000, subtype="PCM_16")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "cut.wav").write_bytes(whole[:-50])
    (tmp_path / "head.wav").write_bytes(whole[:40])
    (tmp_path / "text.wav").write_bytes(b"hello, this is no recording")
    due = {"absent": "no such file", "cut": "150 of 200 bytes", "empty": "an empty file", "float": "not plain PCM",
           "good": None, "head": "no samples behind its header", "rate": "8000 Hz", "stereo": "2 channels",
           "text": "no RIFF WAV file", "void": "no samples"}
    found = list(check_wavs([str(tmp_path / f"{name}.wav") for name in due], 16000, "check"))
    assert len(found) == 9
    for line, (name, part) in zip(found, [pair for pair in due.items() if pair[1]], strict=True):
        assert line.startswith(f"{tmp_path / name}.wav: ") and part in line
    with pytest.raises(InputError, match="an empty file"):
        read_wav_header(tmp_path / "empty.wav")


def test_what_a_recorder_promised_too_much_is_tolerated_up_to_100_ms_and_2_per_cent(tmp_path):
    """1,452 bytes are what the recorder of Mboshi's tablets left out at most: 726 samples, 45 ms."""
    path = tmp_path / "a.wav"
    for seconds, missing, is_read in [(3, 726, True), (2, 726, False), (20, 1600, True), (20, 1601, False)]:
        soundfile.write(path, np.zeros(seconds * 16000), 16000, subtype="PCM_16")
        path.write_bytes(path.read_bytes()[: -2 * missing])
        if is_read:
            assert read_wav_header(path) == (16000, 1, seconds * 16000 - missing)
        else:
            due = f"cut short: {2 * (seconds * 16000 - missing)} of {seconds * 32000} bytes"
            with pytest.raises(InputError, match=due):
                read_wav_header(path)
