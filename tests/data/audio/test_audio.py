import io
import shlex

import kaldiio
import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.reading import read_audio, read_channels
from espnet_bljust.errors import InputError


@pytest.mark.parametrize("kind", ["wav", "flac", "w64", "aiff"])
def test_lossless_files_give_their_samples_exactly(kind, tmp_path, make_tone):
    tone = make_tone()
    soundfile.write(tmp_path / f"a.{kind}", tone, 16000, subtype="PCM_16")
    samples, rate = read_audio(str(tmp_path / f"a.{kind}"))
    assert rate == 16000 and samples.dtype == np.float32
    assert (samples * 32768 == tone).all()


@pytest.mark.parametrize(("kind", "subtype"), [("ogg", "VORBIS"), ("ogg", "OPUS"), ("mp3", "MPEG_LAYER_III")])
def test_lossy_files_are_read(kind, subtype, tmp_path, make_tone):
    soundfile.write(tmp_path / f"a.{kind}", make_tone(1.0), 16000, subtype=subtype)
    samples, rate = read_audio(str(tmp_path / f"a.{kind}"))
    assert rate == 16000 and abs(len(samples) - 16000) < 2500
    spectrum = np.abs(np.fft.rfft(samples[4000:12000]))
    assert abs(spectrum.argmax() * 16000 / 8000 - 440) < 5


def test_a_stretch_is_cut_to_the_sample_from_file_pipe_and_archive(tmp_path, make_tone):
    tone = make_tone(1.0)
    path = tmp_path / "a b.wav"
    soundfile.write(path, tone, 16000)
    kaldiio.save_ark(str(tmp_path / "a.ark"), {"x": (16000, tone)}, scp=str(tmp_path / "a.scp"))
    ark = (tmp_path / "a.scp").read_text().split()[1]
    for entry in [str(path), f"cat {shlex.quote(str(path))} |", ark]:
        samples, _ = read_channels(entry, 0.25, 0.5, pipes=True)
        assert (samples[:, 0] * 32768 == tone[4000:8000]).all()


def test_flac_in_an_archive_is_read(tmp_path, make_tone):
    tone = make_tone()
    kaldiio.save_ark(
        str(tmp_path / "a.ark"),
        {"x": (tone, 16000)},
        scp=str(tmp_path / "a.scp"),
        write_function="soundfile",
        write_kwargs={"format": "flac"},
    )
    samples, rate = read_audio((tmp_path / "a.scp").read_text().split()[1])
    assert rate == 16000 and (samples * 32768 == tone).all()


def test_a_path_may_hold_a_colon_and_a_number(tmp_path, make_tone):
    soundfile.write(tmp_path / "a.wav", make_tone(), 16000)
    (tmp_path / "a.wav").rename(tmp_path / "at 10:30")
    assert len(read_audio(str(tmp_path / "at 10:30"))[0]) == 4800


def test_a_pipe_that_streams_a_wav_with_an_unknown_length_is_read(tmp_path, make_tone):
    buffer = io.BytesIO()
    soundfile.write(buffer, make_tone(), 16000, format="WAV")
    data = bytearray(buffer.getvalue())
    data[4:8] = data[40:44] = b"\xff\xff\xff\x7f"  # as sox writes to a pipe
    (tmp_path / "a.wav").write_bytes(data)
    assert len(read_channels(f"cat {tmp_path}/a.wav |", pipes=True)[0]) == 4800


def bad_files(tmp_path, tone):
    soundfile.write(tmp_path / "whole.flac", np.tile(tone, 5), 16000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([tone, tone], 1), 16000)
    soundfile.write(tmp_path / "none.wav", tone[:0], 16000)
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan, np.float32), 16000, subtype="FLOAT")
    (tmp_path / "cut.flac").write_bytes((tmp_path / "whole.flac").read_bytes()[:8000])
    for kind in ("wav", "nist", "aiff", "au"):
        soundfile.write(tmp_path / "whole", tone, 16000, format=kind.upper(), subtype="PCM_16")
        (tmp_path / f"cut.{kind}").write_bytes((tmp_path / "whole").read_bytes()[:5001])
    (tmp_path / "text.wav").write_text("no audio at all")
    (tmp_path / "void.wav").touch()
    (tmp_path / "a.raw").write_bytes(tone.tobytes())
    kaldiio.save_ark(str(tmp_path / "feats.ark"), {"x": np.ones((3, 4), np.float32)})
    (tmp_path / "pickle.ark").write_bytes(b"x PKL" + b"cos\nsystem\n(S'true'\ntR.")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{d}/absent.wav", "no such audio file"),
        ("{d}/text.wav", "unreadable audio"),
        ("{d}/void.wav", "unreadable audio"),
        ("{d}/cut.flac", "cut.flac: "),
        ("{d}/cut.wav", "cut short or damaged: 4957 of 9600 bytes are there"),
        ("{d}/cut.nist", "cut short or damaged: 1988 of 4800 samples are there"),
        ("{d}/cut.aiff", "cut short or damaged"),
        ("{d}/cut.au", "cut short or damaged"),
        ("{d}/" + "x" * 5000 + ".wav", "no such audio file"),
        ("{d}/a.raw", "unreadable audio"),
        ("{d}/none.wav", "no samples"),
        ("{d}/nan.wav", "not finite"),
        ("{d}/stereo.wav", "2 channels where one is due"),
        ("{d}/feats.ark:2", "features or a vector, not audio"),
        ("{d}/pickle.ark:2", "a pickled entry"),
        ("{d}/absent.ark:2", "unreadable archive entry"),
        ("{d}/feats.ark:200", "unreadable archive entry"),
        ("cat {d}/text.wav |", "unreadable audio"),
        ("no-such-program {d}/text.wav |", "ended with status 127"),
        ("echo broken >&2; exit 3 |", "ended with status 3: broken"),
    ],
)
def test_audio_that_cannot_be_used_is_named_with_the_reason(entry, message, tmp_path, make_tone):
    bad_files(tmp_path, make_tone())
    entry = entry.format(d=tmp_path)
    with pytest.raises(InputError) as error:
        read_channels(entry, pipes=True) if entry.endswith("|") else read_audio(entry)
    assert message in str(error.value)
    assert str(tmp_path) in str(error.value) or entry in str(error.value)


def test_a_stretch_behind_the_end_is_an_error(tmp_path, make_tone):
    soundfile.write(tmp_path / "a.wav", make_tone(), 16000)
    with pytest.raises(InputError, match="no samples from 2 s to 3 s"):
        read_channels(str(tmp_path / "a.wav"), 2, 3)


REAL = [
    "timit/TIMIT/**/*.WAV",
    "speechocean762/**/*.ogg",
    "commonvoice/**/*.mp3",
    "ravdess/**/*.wav",
    "an4/**/*.flac",
    "free-spoken-digit-dataset/**/*.wav",
    "unlabelled_en/**/*.ogg",
]


@pytest.mark.parametrize("pattern", REAL)
def test_real_recordings_of_every_kind_are_read(pattern, corpora):
    path = next(iter(sorted(corpora.glob(pattern))), None)
    if path is None:
        pytest.skip(f"no {pattern} among the real recordings")
    samples, rate = read_channels(str(path))
    assert rate in (8000, 16000, 32000, 44100, 48000) and len(samples) > rate / 10
    assert 0.001 < np.abs(samples).max() <= 1.5
