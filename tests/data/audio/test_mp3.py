"""Lengths of mp3 files by their frames: those of the decoder, whole or cut."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.mp3 import mp3_length
from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.errors import InputError

CLIPS = Path(__file__).parents[3].parent / "shared/corpora/commonvoice"
PAD = 3 * 1152  # samples: the encoder's delay, a frame that holds its tag, and what fills the last frame


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000])
def test_length_is_that_of_what_was_encoded_at_every_rate(tmp_path, rate):
    soundfile.write(tmp_path / "x.mp3", 0.1 * np.sin(np.arange(rate) / 9), rate, format="MP3")
    length = mp3_length(tmp_path / "x.mp3")
    assert length.rate == rate and not length.is_cut
    assert rate <= length.num_samples <= rate + PAD


@pytest.mark.skipif(not CLIPS.is_dir(), reason=f"Common Voice is not at {CLIPS}")
def test_length_of_real_clips_is_the_decoder_s_to_the_sample():
    clips = sorted(CLIPS.glob("*/*/clips/*.mp3"))[::9]
    assert len(clips) > 40
    for clip in clips:
        length = mp3_length(clip)
        assert (length.num_samples, length.rate, length.is_cut) == (*soundfile_length(clip), False)


def soundfile_length(path):
    samples, rate = soundfile.read(path)
    return len(samples), rate


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_clip_cut_short_is_refused_by_the_reader(tmp_path, share):
    soundfile.write(tmp_path / "x.mp3", 0.1 * np.sin(np.arange(32000) / 9), 16000, format="MP3")
    data = (tmp_path / "x.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(data[: int(share * len(data)) | 1])
    assert len(read_audio(str(tmp_path / "x.mp3"))[0]) >= 32000
    with pytest.raises(InputError, match="cut.mp3: cut short or damaged: it ends inside a frame"):
        read_audio(str(tmp_path / "cut.mp3"))


@pytest.mark.parametrize("content", [b"", b"ID3 is not enough", b"\x00\x01\x02" * 999])
def test_what_is_no_mp3_has_no_length_and_is_refused(tmp_path, content):
    (tmp_path / "x.mp3").write_bytes(content)
    assert mp3_length(tmp_path / "x.mp3").seconds == 0
    with pytest.raises(InputError, match=r"x.mp3: unreadable audio: (?!File does not exist)"):
        read_audio(str(tmp_path / "x.mp3"))
