import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.flac import read_flac_header
from espnet_bljust.errors import InputError

REAL = Path(__file__).parents[3].parent / "shared/corpora/librispeech"


@pytest.fixture(params=[1, 4096, 4097, 600_000, "real"])
def path(request, tmp_path):
    """A FLAC file: noise of so many samples (one frame, two, 147), or real speech."""
    if request.param == "real":
        if not REAL.is_dir():
            pytest.skip(f"real recordings absent: {REAL}")
        return next(REAL.rglob("*.flac"))
    noise = np.random.default_rng(0).normal(0, 2000, request.param).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", noise, 16000, subtype="PCM_16")
    return tmp_path / "a.flac"


def test_the_header_says_what_libsndfile_says(path):
    header, info = read_flac_header(path), soundfile.info(path)
    assert (header.rate, header.channels, header.num_samples) == (info.samplerate, info.channels, info.frames)


def test_other_rates_and_channels_are_read(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros((500, 3), np.int16), 44100)
    header = read_flac_header(tmp_path / "a.flac")
    assert (header.rate, header.channels, header.num_samples) == (44100, 3, 500)


def test_a_file_that_lacks_its_last_frame_is_cut_short(path, tmp_path):
    data, header = path.read_bytes(), read_flac_header(path)
    last = data.rindex(b"\xff\xf8")  # at or behind the start of the last frame
    generator = random.Random(0)
    for size in [42, last - header.largest_frame, *(generator.randrange(42, max(43, last - 8000)) for _ in range(5))]:
        if 42 <= size < last - header.largest_frame + 1:
            (tmp_path / "cut.flac").write_bytes(data[:size])
            with pytest.raises(InputError, match=r"cut\.flac: cut short"):
                read_flac_header(tmp_path / "cut.flac")


@pytest.mark.parametrize(("data", "what"), [(b"", "an empty file"), (b"fLaC", "no FLAC"), (b"RIFF" * 20, "no FLAC"),
                                            (b"fLaC\x01" + bytes(60), "no FLAC")])  # fmt: skip
def test_what_is_no_flac_file_is_named(data, what, tmp_path):
    (tmp_path / "a.flac").write_bytes(data)
    with pytest.raises(InputError, match=what):
        read_flac_header(tmp_path / "a.flac")
