"""RIFF WAV files judged by their headers, without decoding: a corpus of a million files is looked at in minutes.

    "RIFF" size "WAVE", then chunks of name (4 bytes), size (4 bytes, little-endian) and content
    fmt : form (1 PCM, 0xFFFE extensible), channels, rate in Hz, bytes a second, bytes a frame, bits a sample
    data: the samples
Source: IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0, chapter 3.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import BinaryIO, NamedTuple

from espnet_bljust.data.audio.truncation import DEFAULT, UNKNOWN_LENGTH, of_bytes
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress

PCM = (1, 0xFFFE)
READERS = 8  # files waited for at once
BATCH = 4096
MOST_CHUNKS = 1000  # before the samples


class WavHeader(NamedTuple):
    """What a whole file says of itself."""

    rate: int  # Hz
    channels: int
    num_samples: int  # of each channel


def read_wav_header(path: str | os.PathLike) -> WavHeader:
    """The header of a PCM file; InputError for any other, and where more is missing than truncation.py tolerates.

    ``num_samples`` are those that are there.
    """
    try:
        with open(path, "rb") as file:
            return _parse(file, path)
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}. Copy it again.") from None


def check_wavs(paths: Iterable[str], rate: int, what: str, most_channels: int = 1) -> Iterator[str]:
    """What is wrong with each file that should have ``rate`` Hz; ``what``: for the bar."""

    def problem(path: str) -> str:
        try:
            header = read_wav_header(path)
        except InputError as error:
            return str(error)
        if header.rate != rate or header.channels > most_channels:
            due = f"{rate} Hz and at most {most_channels} are due"
            return f"{path}: {header.rate} Hz, {header.channels} channels, where {due}. Take the original."
        return "" if header.num_samples else f"{path}: no samples. Copy it again."

    with ThreadPoolExecutor(READERS) as pool:
        for batch in batched(progress(paths, what), BATCH):
            yield from filter(None, pool.map(problem, batch))


def _parse(file: BinaryIO, path: str | os.PathLike) -> WavHeader:
    start = file.read(12)
    if not start:
        raise InputError(f"{path}: an empty file. Copy it again.")
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise InputError(f"{path}: no RIFF WAV file. Copy it again.")
    form: tuple[int, ...] = ()
    for _ in range(MOST_CHUNKS):  # a large file of zeros would be a hundred million empty ones
        if len(chunk := file.read(8)) < 8:
            break
        name, length = struct.unpack("<4sI", chunk)
        if name == b"data" and form:
            return _whole(form, length, os.fstat(file.fileno()).st_size - file.tell(), path)
        end = file.tell() + length + length % 2
        if name == b"fmt " and len(fields := file.read(16)) == 16:
            form = struct.unpack("<HHIIHH", fields)
        file.seek(end)
    raise InputError(f"{path}: cut short: no samples behind its header. Copy it again.")


def _whole(form: tuple[int, ...], length: int, there: int, path: str | os.PathLike) -> WavHeader:
    kind, channels, rate, _, frame_bytes, _ = form
    if kind not in PCM or not (frame_bytes and channels and rate):
        raise InputError(f"{path}: not plain PCM (form {kind}). Take the original file.")
    short = of_bytes(there, length, there / frame_bytes / rate)
    if there < length < UNKNOWN_LENGTH and not short.within(DEFAULT):
        raise InputError(f"{path}: cut short: {short} of samples are there. Copy it again.")
    return WavHeader(rate, channels, min(length, there) // frame_bytes)
