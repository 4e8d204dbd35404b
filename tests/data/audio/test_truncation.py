"""Recordings that end before their headers say: used and listed up to a tolerance, beyond it refused."""

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.bin import format_audio
from espnet_bljust.data.audio.headers import read_header
from espnet_bljust.data.audio.reading import read_channels, read_recording
from espnet_bljust.data.audio.recording import open_recording
from espnet_bljust.data.audio.truncation import Shortfall, Tolerance
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.errors import InputError

LOOSE = Tolerance(0.5, 0.2)
MBOSHI = "mboshi/original_wav/**/*.wav"


def short_file(path, form, promised, missing, channels=1):
    """16-bit noise of ``promised`` samples, the last ``missing`` of which are not there; those that are, int16."""
    noise = np.random.default_rng(0).integers(-9999, 9999, (promised, channels)).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 16000, format=form, subtype="PCM_16")
    path.write_bytes(buffer.getvalue()[: -2 * channels * missing])
    return noise[: promised - missing]


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "AIFF", "AU", "NIST"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_there_is_read_to_its_last_sample_and_what_is_missing_is_measured(tmp_path, form, channels):
    samples = short_file(tmp_path / "a", form, 48000, 726, channels)
    found = read_recording(str(tmp_path / "a"))
    assert np.array_equal(found.samples * 32768, samples) and found.rate == 16000
    assert found.short_seconds == pytest.approx(726 / 16000, abs=1e-5)
    assert np.array_equal(read_channels(str(tmp_path / "a"), 0.5, 1.0)[0] * 32768, samples[8000:16000])
    header = read_header(tmp_path / "a")
    assert header.num_samples == 47274 and header.short_seconds == pytest.approx(726 / 16000, abs=1e-5)


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "NIST"])
@pytest.mark.parametrize(("promised", "missing"), [(24000, 726), (160000, 1601)])
def test_more_than_2_per_cent_or_100_ms_is_refused_unless_the_tolerance_is_another(tmp_path, form, promised, missing):
    path = tmp_path / "a"
    short_file(path, form, promised, missing)
    for read in (read_recording, read_header):
        with pytest.raises(InputError, match=r"cut short.*: \d+ of \d+ (bytes|samples) are there"):
            read(str(path))
        assert read(str(path), tolerance=LOOSE).short_seconds == pytest.approx(missing / 16000, abs=1e-5)


def test_the_bounds_themselves_are_tolerated():
    assert Shortfall(98, 100, "bytes", 0.1).within(Tolerance(0.1, 0.02))
    assert not Shortfall(97, 100, "bytes", 0.1).within(Tolerance(0.1, 0.02))
    assert not Shortfall(98, 100, "bytes", 0.11).within(Tolerance(0.1, 0.02))


def test_joined_recordings_lack_what_each_of_them_lacks(tmp_path):
    for name in "ab":
        short_file(tmp_path / name, "WAV", 48000, 726)
    found = read_recording(f"{tmp_path}/a + {tmp_path}/b")
    assert len(found.samples) == 2 * 47274 and found.short_seconds == pytest.approx(2 * 726 / 16000)


def test_a_file_that_holds_no_sample_of_those_it_promises_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    short_file(path, "WAV", 100, 100)
    with pytest.raises(InputError, match="a.wav: "):
        read_recording(str(path), tolerance=LOOSE)


def format_set(folder, *options):
    words = ["--data_dir", folder / "data", "--out_dir", folder / "out", *options]
    format_audio.main(format_audio.get_parser().parse_args(list(map(str, words))))


def test_stage_3_counts_and_lists_them_and_refuses_the_others(tmp_path, make_dir, capsys):
    for name, missing in [("a", 0), ("b", 363), ("c", 726)]:
        samples = short_file(tmp_path / f"{name}.wav", "WAV", 48000, missing) if missing else None
        if samples is None:
            soundfile.write(tmp_path / "a.wav", np.zeros(48000), 16000, subtype="PCM_16")
    make_dir(tmp_path / "data", [(name, "s", "YES", tmp_path / f"{name}.wav") for name in "abc"])
    format_set(tmp_path)
    assert f"; 2 end up to 45 ms before their headers say: {tmp_path}/out/short.txt\n" in capsys.readouterr().out
    assert (tmp_path / "out/short.txt").read_text() == "b 0.0227\nc 0.0454\n"
    assert read_table(tmp_path / "out/utt2num_samples") == {"a": "48000", "b": "47637", "c": "47274"}
    with pytest.raises(InputError, match=r"1 problem, first: .*utterance c: .*c\.wav: cut short"):
        format_set(tmp_path, "--max_missing", "0.03 0.02")


@pytest.mark.parametrize("value", ["0.1", "0.1 2", "-1 0.02", "a b", "nan nan"])
def test_a_tolerance_that_is_none_is_named(value, capsys):
    with pytest.raises(SystemExit):
        format_audio.get_parser().parse_args(["--data_dir", "a", "--out_dir", "b", "--max_missing", value])
    assert f"{value}: not seconds and a share" in capsys.readouterr().err


def test_recognition_reads_them_too_and_refuses_what_lacks_more(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no ffmpeg
    path = tmp_path / "a.wav"
    short_file(path, "WAV", 48000, 726)
    with open_recording(str(path)) as blocks:
        assert sum(map(len, blocks)) == 47274 and blocks.short_seconds == pytest.approx(726 / 16000, abs=1e-5)
    short_file(path, "WAV", 48000, 4800)
    with pytest.raises(InputError, match="cut short or damaged: 86400 of 96000 bytes"), open_recording(str(path)):
        pass


def test_real_recordings_of_a_tablet_that_promised_too_much_are_read(corpora):
    """What each header says and what lies behind it, by Python's own wave module and the sizes of the files."""
    paths = sorted(corpora.glob(MBOSHI))
    if not paths:
        pytest.skip("no original recordings of Mboshi")
    lacking = {}
    for path in paths:
        data = path.read_bytes()
        (promised,) = struct.unpack("<I", data[40:44])  # no chunk before the samples
        assert data[36:40] == b"data"
        found = read_recording(str(path))
        assert np.array_equal(found.samples[:, 0] * 32768, np.frombuffer(data[44:], "<i2"))
        with wave.open(str(path)) as file:
            assert found.rate == file.getframerate() == 16000 and file.getnframes() == promised // 2
        assert found.short_seconds == pytest.approx((promised - len(data) + 44) / 32000)
        lacking[Path(path).name] = promised - len(data) + 44
    assert sorted(filter(None, lacking.values())) == [726, 726, 726, 1452] and len(lacking) == 16
