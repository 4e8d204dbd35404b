"""Audio from strangers: no command is run unasked, and what a header promises takes no memory."""

import resource
import struct

import kaldiio
import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio import reading as audio
from espnet_bljust.data.audio.reading import read_audio, read_channels
from espnet_bljust.data.audio.wav import read_wav_header
from espnet_bljust.data.kaldi.audio_check import check_audio
from espnet_bljust.data.preparation.format import FormatOptions, format_part
from espnet_bljust.data.preparation.format_merge import merge_parts
from espnet_bljust.errors import InputError

ALLOWED_BYTES = 100 << 20


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@pytest.fixture
def bounded_memory():
    before = peak_bytes()
    yield
    assert peak_bytes() - before < ALLOWED_BYTES


@pytest.fixture
def data_dir(tmp_path, make_tone):
    """One file, and one command that leaves a trace."""
    folder = tmp_path / "data"
    folder.mkdir()
    soundfile.write(folder / "a.wav", make_tone(), 16000)
    command = f"touch {tmp_path}/trace; cat {folder}/a.wav |"
    (folder / "wav.scp").write_text(f"a {folder}/a.wav\nb {command}\nc {command} \n")
    (folder / "utt2spk").write_text("a s\nb s\nc s\n")
    return folder


def broken(data_dir, out_dir, **options):
    """What stage 3 leaves out."""
    form = FormatOptions()
    format_part(data_dir, out_dir, part=(1, 1), options=form, **options)
    merge_parts(data_dir, out_dir, num_jobs=1, options=form, skip_broken=True)
    return (out_dir / "broken.txt").read_text().splitlines()


def test_a_command_in_wav_scp_is_refused_and_not_run(data_dir, tmp_path):
    assert [line.split(": ")[0] for line in check_audio(data_dir)] == [f"{data_dir}/wav.scp:2", f"{data_dir}/wav.scp:3"]
    assert all("--allow_pipes true" in line for line in check_audio(data_dir, rate=16000))
    assert ["--allow_pipes true" in line for line in broken(data_dir, tmp_path / "out")] == [True, True]
    for entry in ("touch trace |", "touch trace | ", "a.wav + touch trace |"):
        with pytest.raises(InputError, match="a command, which is not run"):
            read_audio(entry)
    assert not (tmp_path / "trace").exists()


def test_a_command_is_run_where_the_user_allows_it(data_dir, tmp_path):
    assert check_audio(data_dir, pipes=True) == []
    assert broken(data_dir, tmp_path / "out", pipes=True) == []
    assert (tmp_path / "trace").exists()


def lying_flac(path, samples):
    """A short file whose header promises ``samples``."""
    soundfile.write(path, np.zeros(8000, np.int16), 16000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    packed = int.from_bytes(data[18:26]) >> 36 << 36 | samples
    data[18:26] = packed.to_bytes(8)
    path.write_bytes(data)


@pytest.mark.parametrize("samples", [1 << 24, 1 << 33, (1 << 36) - 1])
def test_a_flac_header_that_promises_gigabytes_takes_no_memory(tmp_path, samples, bounded_memory):
    lying_flac(tmp_path / "a.flac", samples)
    with pytest.raises(InputError, match=f"cut short or damaged: 8000 of {samples} samples are there|unreadable"):
        read_audio(str(tmp_path / "a.flac"))


def test_sound_in_an_archive_takes_no_more_memory_than_it_holds(tmp_path, bounded_memory):
    lying_flac(tmp_path / "a.flac", 1 << 35)
    data = (tmp_path / "a.flac").read_bytes()
    for length in (len(data), 1 << 60):
        number = length.to_bytes(8, "little")
        (tmp_path / "a.ark").write_bytes(b"a AUDIO" + bytes([len(number)]) + number + data)
        try:
            samples, _ = read_audio(f"{tmp_path}/a.ark:2")
            assert len(samples) == 8000
        except InputError as error:
            assert "unreadable" in str(error)


def test_a_recording_beyond_what_is_decoded_at_once_is_refused(tmp_path, monkeypatch):
    """Half a million samples of silence in a kilobyte or two, as a bomb would have them by the billion."""
    soundfile.write(tmp_path / "a.flac", np.zeros(500_000, np.int16), 16000, subtype="PCM_16")
    assert (tmp_path / "a.flac").stat().st_size < 5000
    monkeypatch.setattr(audio, "STEP", 10_000)
    assert len(read_audio(str(tmp_path / "a.flac"))[0]) == 500_000, "in steps, it is the same"
    monkeypatch.setattr(audio, "MOST_SAMPLES", 400_000)
    with pytest.raises(InputError, match="more than 400000 samples at once"):
        read_audio(str(tmp_path / "a.flac"))
    assert len(read_audio(str(tmp_path / "a.flac"), 1.0, 2.0)[0]) == 16000, "a stretch of it is read"


@pytest.mark.parametrize("rate", [1, 999, 1_000_001, 0x7FFFFFFF])
def test_a_rate_that_no_recording_has_is_refused_before_anything_is_resampled(tmp_path, make_tone, rate):
    soundfile.write(tmp_path / "a.wav", make_tone(), 16000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[24:28] = struct.pack("<I", rate)
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(InputError, match="no rate of a recording"):
        read_channels(str(tmp_path / "a.wav"))


def test_a_large_file_of_empty_chunks_is_given_up_soon(tmp_path):
    with (tmp_path / "a.wav").open("wb") as file:
        file.write(b"RIFF\0\0\0\0WAVE")
        file.truncate(1 << 30)
    with pytest.raises(InputError, match="no samples behind its header"):
        read_wav_header(tmp_path / "a.wav")


def test_eight_bit_audio_in_an_archive_is_around_zero(tmp_path):
    samples = np.arange(256, dtype=np.uint8)
    kaldiio.save_ark(str(tmp_path / "a.ark"), {"x": (16000, samples)}, scp=str(tmp_path / "a.scp"))
    found, _ = read_audio((tmp_path / "a.scp").read_text().split()[1])
    assert np.array_equal(found, (np.arange(256) - 128) / 128)
