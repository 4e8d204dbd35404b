"""A recording of any length, minute by minute: mono blocks at 16 kHz, of which no more than one is held."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from espnet_bljust.data.audio.mixdown import CANCEL, mono
from espnet_bljust.data.audio.mp3 import mp3_length
from espnet_bljust.data.audio.reading import EXACT_FORMATS
from espnet_bljust.data.audio.resample import ZERO_CROSSINGS, resample
from espnet_bljust.data.audio.truncation import DEFAULT, shortfall
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE

BLOCK_SECONDS = 60
MOST_DECODED_BYTES = 8 << 30  # of a file that ffmpeg reads


class Blocks:
    """(sample,) float32 each, the mean of the channels; as many as minutes of the recording are begun, or one more."""

    def __init__(self, path: str, name: str) -> None:
        self.path, self.name = path, name  # name: of the file that the user gave
        with _readable(path, name) as file:
            self.rate, self.num_frames, self.exact = file.samplerate, file.frames, file.format in EXACT_FORMATS
            short = shortfall(path, log=file.extra_info, frames=file.frames, rate=file.samplerate,
                              is_sphere=file.format == "NIST")  # fmt: skip
            if not short.within(DEFAULT):
                raise InputError(f"{name}: cut short or damaged: {short} are there. Copy it again.")
            if file.format == "MP3" and mp3_length(path).is_cut:
                raise InputError(f"{name}: cut short or damaged. Copy it again.")
            self.short_seconds = short.seconds

    def __len__(self) -> int:
        return ceil(self.num_frames / (BLOCK_SECONDS * self.rate))

    def __iter__(self) -> Iterator[np.ndarray]:
        return resampled(self._mono(), self.rate)

    def _mono(self) -> Iterator[np.ndarray]:
        heard, told = 0, False
        with _readable(self.path, self.name) as file:
            while len(block := file.read(BLOCK_SECONDS * self.rate, dtype="float32", always_2d=True)):
                if not np.isfinite(block).all():
                    raise InputError(f"{self.name}: samples that are not finite numbers. Replace the recording.")
                heard += len(block)
                wave, cancels = mono(block)
                if cancels and not told:
                    told = True
                    print(f"{self.name}: {CANCEL}", file=sys.stderr)
                yield wave
        if heard == 0 or self.exact and heard < self.num_frames:
            raise InputError(f"{self.name}: {heard} of {self.num_frames} samples are there. Copy it again.")


@contextmanager
def _readable(path: str, name: str) -> Iterator[soundfile.SoundFile]:
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.SoundFileError, RuntimeError, OSError, TypeError) as error:  # TypeError: headerless .raw
        reason = getattr(error, "error_string", None) or str(error) or type(error).__name__
        raise InputError(f"{name}: unreadable audio: {reason.rstrip('.')}. Replace the recording.") from None


@contextmanager
def open_recording(path: str) -> Iterator[Blocks]:
    """What libsndfile reads, else what ffmpeg, where it is installed, makes of it in a temporary file."""
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file. Check the name.")
    with TemporaryDirectory() as folder:
        try:
            blocks = Blocks(path, path)
        except InputError:
            if not shutil.which("ffmpeg"):
                raise
            blocks = Blocks(_convert(path, Path(folder) / "audio.wav"), path)
        yield blocks


def _convert(path: str, out: Path) -> str:
    """By ffmpeg: no shell, and no other file or address than this one."""
    words = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-i",
             f"file:{os.path.abspath(path)}", "-vn", "-fs", str(MOST_DECODED_BYTES), "-f", "wav", "-"]
    with out.open("wb") as file:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())[-200:]
        raise InputError(f"{path}: neither libsndfile nor ffmpeg can read it ({said.rstrip('.')}). Replace it.")
    return str(out)


def resampled(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """At 16 kHz, as if the blocks, (sample,) float32 at ``rate`` Hz, were resampled together."""
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    ratio = Fraction(SAMPLE_RATE, rate)
    up, down = ratio.numerator, ratio.denominator
    reach = ceil(ZERO_CROSSINGS * max(up, down) / up / down + 1) * down  # samples that an output sees on either side
    held, front = np.zeros(0, np.float32), 0  # of what is held, the first ``front`` samples have been given
    for block in blocks:
        held = np.concatenate([held, block])
        ready = (len(held) - reach) // down * down
        if ready > front:
            yield resample(held, rate, SAMPLE_RATE)[front * up // down : ready * up // down]
            rest = max(0, ready - reach)
            held, front = held[rest:], ready - rest
    yield resample(held, rate, SAMPLE_RATE)[front * up // down :]
