"""Audio by an entry of wav.scp: a file, a place in a Kaldi archive, or a Kaldi pipe.

/path/a.flac           wav, flac, ogg, opus, mp3, NIST SPHERE and what else libsndfile knows, by content
/path/a.ark:1234       audio in an archive, through kaldiio
a.wav + b.wav          recordings one behind the other, of one rate and number of channels
sph2pipe -f wav x |    a command whose output is an audio file: Kaldi's contract, the one thing run by a shell, and
                       only where the user says so (--allow_pipes true): who writes wav.scp writes the command

What a header promises is believed as far as it is there: memory grows with what is decoded, up to MOST_SAMPLES.
"""

import io
import os
import re
import subprocess
from functools import lru_cache
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile
from kaldiio import matio

from espnet_bljust.data.audio.mp3 import mp3_length
from espnet_bljust.data.audio.truncation import DEFAULT, Shortfall, Tolerance, shortfall
from espnet_bljust.errors import InputError

# In these formats a seek is exact to the sample and the header's length is the truth.
EXACT_FORMATS = {"WAV", "WAVEX", "FLAC", "NIST", "AIFF", "AU", "W64", "RF64"}
ARCHIVE = re.compile(r"(?P<path>.+):(?P<offset>\d+)")
JOINT = " + "
MOST_SAMPLES = 1 << 30  # of all channels, decoded at once: 4 GiB, 18 hours at 16 kHz
MOST_A_BYTE = 64  # samples of a byte before memory is taken in steps: of FLAC or mp3 with speech a byte holds 2 to 16
SOUND = b"AUDIO"  # what kaldiio puts before an audio file in an archive
STEP = 1 << 20  # frames
SLOWEST, FASTEST = 1000, 1_000_000  # Hz


class Recording(NamedTuple):
    """What was read."""

    samples: np.ndarray  # (sample, channel) float32
    rate: int  # Hz
    short_seconds: float = 0.0  # what the header promises behind the end of the file


def read_audio(entry: str, start: float | None = None, end: float | None = None) -> tuple[np.ndarray, int]:
    """Samples (sample,) float32 in [-1, 1) and their rate in Hz; ``start`` and ``end`` in seconds.

    InputError when the audio cannot be read or has several channels.
    """
    samples, rate = read_channels(entry, start, end)
    if samples.shape[1] != 1:
        raise InputError(f"{entry}: {samples.shape[1]} channels where one is due. Mix down: --mixdown true.")
    return samples[:, 0], rate


def read_channels(
    entry: str, start: float | None = None, end: float | None = None, *, pipes: bool = False
) -> tuple[np.ndarray, int]:
    """Samples (sample, channel) float32 and their rate in Hz, as ``read_recording`` has them."""
    return read_recording(entry, start, end, pipes=pipes)[:2]


def read_recording(
    entry: str, start: float | None = None, end: float | None = None, *, pipes: bool = False,
    tolerance: Tolerance = DEFAULT,
) -> Recording:  # fmt: skip
    """The audio of an entry; InputError when unreadable, empty, not finite, or when more than ``tolerance`` is missing.

    ``start`` and ``end`` in seconds. ``pipes``: a command is run; otherwise it is an InputError.
    """
    if is_pipe(entry) and not pipes:
        raise InputError(f"{entry[:200]}: a command, which is not run. If you trust it: --allow_pipes true.")
    if len(files := files_of(entry)) > 1:
        samples, rate, short = _join(entry, files, tolerance)
        samples = _cut(samples, rate, start, end)
    elif is_pipe(entry) or _archive(entry):
        (samples, rate), short = _decode(entry), 0.0
        samples = _cut(samples, rate, start, end)
    else:
        samples, rate, short = _read_file(entry, start, end, tolerance)
    if not SLOWEST <= rate <= FASTEST:
        raise InputError(f"{entry}: {rate} Hz is no rate of a recording. Replace it, or drop it.")
    if len(samples) == 0:
        raise InputError(f"{entry}: no samples{_stretch(start, end)}. Replace the recording, or drop it.")
    if not np.isfinite(samples).all():
        raise InputError(f"{entry}: samples that are not finite numbers. Replace the recording, or drop it.")
    return Recording(samples, rate, short)


def is_pipe(entry: str) -> bool:
    """Whether Kaldi would run it."""
    return entry.rstrip().endswith("|")


def files_of(entry: str) -> list[str]:
    """The recordings that an entry joins: itself alone where it joins none."""
    alone = JOINT not in entry or is_pipe(entry) or os.path.exists(entry)
    return [entry] if alone else entry.split(JOINT)


def _join(entry: str, files: list[str], tolerance: Tolerance) -> Recording:
    parts = [read_recording(file, tolerance=tolerance) for file in files]
    if len({(part.rate, part.samples.shape[1]) for part in parts}) > 1:
        raise InputError(f"{entry}: recordings of different rates or channels cannot be joined. Leave one out.")
    samples = np.concatenate([part.samples for part in parts])
    return Recording(samples, parts[0].rate, sum(part.short_seconds for part in parts))


def _cut(samples: np.ndarray, rate: int, start: float | None, end: float | None) -> np.ndarray:
    return samples[round((start or 0) * rate) : None if end is None else round(end * rate)]


def _stretch(start: float | None, end: float | None) -> str:
    if start is None and end is None:
        return ""
    return f" from {start or 0} s to {'the end' if end is None else f'{end} s'}"


def _archive(entry: str) -> re.Match | None:
    match = ARCHIVE.fullmatch(entry)
    return match if match and not os.path.exists(entry) else None


def _read_file(path: str, start: float | None, end: float | None, tolerance: Tolerance) -> Recording:
    """A file of its own; only the wanted stretch is decoded where that is exact."""
    if not os.path.isfile(path):  # never raises, whatever the name
        raise InputError(f"{path}: no such audio file. Check wav.scp; relative paths start in the recipe's folder.")
    try:
        with soundfile.SoundFile(path) as file:
            exact, is_mp3 = file.format in EXACT_FORMATS, file.format == "MP3"
        if exact:
            return _read_exact(path, start, end, tolerance)
        if is_mp3 and mp3_length(path).is_cut:
            raise InputError(f"{path}: cut short or damaged: it ends inside a frame. Copy it again, or drop it.")
        samples, rate = _decode(path)
    except (soundfile.SoundFileError, RuntimeError, OSError, TypeError, UnicodeError) as error:  # TypeError: .raw
        raise InputError(f"{path}: unreadable audio: {_reason(error)} Replace the recording, or drop it.") from None
    return Recording(_cut(samples, rate, start, end), rate)


def _reason(error: Exception) -> str:
    """libsndfile's message without the path, which the caller names already."""
    message = " ".join(str(getattr(error, "error_string", None) or error).split()) or type(error).__name__
    message = message.rstrip(".") + "."
    # what libsndfile says of an mp3 without a frame, too; that the file is there has been seen
    return "no audio in it." if message.startswith("File does not exist or is not a regular file") else message


def _read_exact(path: str, start: float | None, end: float | None, tolerance: Tolerance) -> Recording:
    with soundfile.SoundFile(path) as file:
        frames, rate = file.frames, file.samplerate
        short = shortfall(path, log=file.extra_info, frames=frames, rate=rate, is_sphere=file.format == "NIST")
        first = min(round((start or 0) * rate), frames)
        last = frames if end is None else min(round(end * rate), frames)
        file.seek(first)
        samples = _frames(file, last - first, os.path.getsize(path))
        undecoded = len(samples) < last - first
        if undecoded or not short.within(tolerance):
            there = Shortfall(first + len(samples), frames) if undecoded else short
            raise InputError(f"{path}: cut short or damaged: {there} are there. Copy it again, or drop it.")
        return Recording(samples, rate, short.seconds)


@lru_cache(maxsize=1)  # the utterances of one recording follow each other
def _decode(entry: str) -> tuple[np.ndarray, int]:
    """The whole of a pipe, archive entry or lossy file: (sample, channel) float32, not to be changed in place."""
    if not is_pipe(entry) and (match := _archive(entry)):
        return _read_archive(match["path"], int(match["offset"]))
    data = _run_pipe(entry) if is_pipe(entry) else b""
    try:
        with soundfile.SoundFile(io.BytesIO(data) if is_pipe(entry) else entry) as file:
            return _frames(file, file.frames, len(data) or os.path.getsize(entry)), file.samplerate
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(f"{entry}: unreadable audio: {_reason(error)} Replace it, or drop it.") from None


def _frames(file: "soundfile.SoundFile", wanted: int, num_bytes: int) -> np.ndarray:  # noqa: F821
    """The next ``wanted`` frames, or as many as there are: (sample, channel) float32."""
    if wanted * file.channels <= max(STEP, MOST_A_BYTE * num_bytes):
        return file.read(max(wanted, 0), dtype="float32", always_2d=True)
    parts, got = [], 0
    while got < wanted and len(part := file.read(min(STEP, wanted - got), dtype="float32", always_2d=True)):
        parts.append(part)
        got += len(part)
        if got * file.channels > MOST_SAMPLES:
            raise InputError(f"{file.name}: more than {MOST_SAMPLES} samples at once. Cut it into shorter ones.")
    return np.concatenate(parts) if parts else np.zeros((0, file.channels), dtype=np.float32)


def _run_pipe(entry: str) -> bytes:
    command = entry[:-1].strip()
    done = subprocess.run(command, shell=True, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip().splitlines()
        tail = f": {message[-1].rstrip('.')}" if message else ""
        raise InputError(f"{entry}: the command ended with status {done.returncode}{tail}. Run it by hand to see why.")
    return done.stdout


def _read_archive(path: str, offset: int) -> tuple[np.ndarray, int]:
    """Audio at ``offset`` bytes of a Kaldi archive: (sample, channel) float32 and rate."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            if file.read(3) == b"PKL":  # a pickle could run any code
                raise InputError(f"{path}:{offset}: a pickled entry. Only audio is read from archives.")
            file.seek(offset)
            value = _read_sound(file) if file.read(len(SOUND)) == SOUND else None
            if value is None:
                file.seek(offset)
                value = matio.read_kaldi(file)
    except InputError:
        raise
    except Exception as error:  # kaldiio reports damage by many types: assertions, struct errors, soundfile's
        raise InputError(f"{path}:{offset}: unreadable archive entry: {_reason(error)} Make it again.") from None
    if not isinstance(value, tuple) or len(value) != 2:
        raise InputError(f"{path}:{offset}: features or a vector, not audio. Give an archive of audio.")
    rate, samples = value
    samples = samples[:, None] if samples.ndim == 1 else samples
    if samples.dtype == np.uint8:  # RIFF's samples of 8 bits have no sign
        samples = (samples.astype(np.float32) - 128) / 128
    elif np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float32), int(rate)


def _read_sound(file: BinaryIO) -> tuple[int, np.ndarray]:
    """What kaldiio wrote through soundfile: the length of the number, the number of bytes, and an audio file."""
    (digits,) = file.read(1)
    data = file.read(min(int.from_bytes(file.read(digits), "little"), os.fstat(file.fileno()).st_size))
    with soundfile.SoundFile(io.BytesIO(data)) as sound:
        return sound.samplerate, _frames(sound, sound.frames, len(data))
