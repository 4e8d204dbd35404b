"""Audio files judged by their headers alone, a fraction of a millisecond each: stage 1 opens all, stage 3 decodes all.

    NIST_1A                     SPHERE: a text header of `name -type value` lines, 1024 bytes as a rule
    sample_coding -s27 pcm,embedded-shorten-v2.00    samples packed by shorten, which libsndfile cannot unpack
Source of the SPHERE fields: NIST's SPHERE package, as read by libsndfile's src/nist.c.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import soundfile

from espnet_bljust.data.audio.reading import EXACT_FORMATS
from espnet_bljust.data.audio.truncation import DEFAULT, SPHERE_HEADER_BYTES, Shortfall, Tolerance, shortfall
from espnet_bljust.errors import InputError

PACKED = re.compile(rb"^sample_coding -s\d+ (\S*(?:shorten|shortpack|wavpack)\S*)", re.MULTILINE)


class Header(NamedTuple):
    """What an audio file says of itself."""

    num_samples: int  # a channel
    rate: int  # Hz
    channels: int
    short_seconds: float = 0.0  # promised, and not there


def read_header(path: Path | str, tolerance: Tolerance = DEFAULT) -> Header:
    """The header of a file; InputError when there is none, or when more than ``tolerance`` of its promise is missing.

    ``num_samples`` are those that are there.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such audio file. Copy the corpus again.")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: an empty file. Copy it again.")
    with path.open("rb") as file:
        start = file.read(SPHERE_HEADER_BYTES)
    packed = PACKED.search(start) if start.startswith(b"NIST_1A") else None
    if packed:
        raise InputError(
            f"{path}: SPHERE packed as {packed[1].decode(errors='replace')}, not read here. Unpack the corpus: "
            "sph2pipe -p -f sph, or w_decode -o pcm of NIST's SPHERE package."
        )
    try:
        with soundfile.SoundFile(path) as file:
            frames, rate, exact = file.frames, file.samplerate, file.format in EXACT_FORMATS
            short = shortfall(str(path), log=file.extra_info, frames=frames, rate=rate,
                              is_sphere=file.format == "NIST") if exact else Shortfall()  # fmt: skip
            header = Header(frames, rate, file.channels, short.seconds)
    except (soundfile.SoundFileError, RuntimeError, TypeError, UnicodeError) as error:
        raise InputError(f"{path}: unreadable audio ({str(error).rstrip('.')}). Copy it again.") from None
    if not short.within(tolerance):
        raise InputError(f"{path}: cut short: {short} are there. Copy it again.")
    return header


def check_headers(paths: Iterable[Path], rate: int) -> tuple[dict[Path, int], list[str]]:
    """Samples by path for whole mono files of ``rate`` Hz, and what is wrong with each of the others."""
    lengths: dict[Path, int] = {}
    problems: list[str] = []
    for path in paths:
        try:
            header = read_header(path)
        except InputError as error:
            problems.append(str(error))
            continue
        if header.num_samples == 0:
            problems.append(f"{path}: no samples. Copy it again.")
        elif header.channels != 1 or header.rate != rate:
            problems.append(
                f"{path}: {header.rate} Hz, channels: {header.channels}, where {rate} Hz and one are the corpus's own. "
                "Take the original file."
            )
        else:
            lengths[path] = header.num_samples
    return lengths, problems
