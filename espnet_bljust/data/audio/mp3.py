"""The length of an mp3 file by its frame headers: exact, without decoding, the same on every machine.

libsndfile guesses the length of a file without a Xing header from its size (Common Voice's clips have none); the sum of
the frames is what a decoder gives. Layer III of MPEG 1, 2 and 2.5; ISO/IEC 11172-3 and 13818-3.
"""

import mmap
import os
from pathlib import Path
from typing import NamedTuple

MPEG1, MPEG2, MPEG25 = 3, 2, 0  # two bits of the header; 1 is reserved
LAYER_3 = 1
RATES = {MPEG1: (44100, 48000, 32000), MPEG2: (22050, 24000, 16000), MPEG25: (11025, 12000, 8000)}
KILOBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KILOBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
HEADER_BYTES = 4


class Length(NamedTuple):
    """What the frames of a file add up to."""

    num_samples: int  # per channel, whole frames alone
    rate: int  # Hz; 0 where there is no frame
    is_cut: bool  # the file ends inside a frame

    @property
    def seconds(self) -> float:
        return self.num_samples / self.rate if self.rate else 0.0


class _Frame(NamedTuple):
    num_bytes: int
    num_samples: int
    rate: int


def mp3_length(path: Path | str) -> Length:
    """The sum of all frames up to the first that is none (a tag at the end, say)."""
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return Length(0, 0, False)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:  # a file of any size
            return _length(data)


def _length(data: mmap.mmap) -> Length:
    place, num_samples, rate = _after_tag(data), 0, 0
    while frame := _frame(data, place):
        if place + frame.num_bytes > len(data):
            return Length(num_samples, rate, True)
        place += frame.num_bytes
        num_samples += frame.num_samples
        rate = frame.rate
    return Length(num_samples, rate, False)


def _after_tag(data: mmap.mmap) -> int:
    """Where an ID3v2 tag ends, whose length stands in four bytes of seven bits each."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    length = 0
    for byte in data[6:10]:
        length = length << 7 | byte
    return 10 + length


def _frame(data: mmap.mmap, place: int) -> _Frame | None:
    """The frame whose header stands at ``place``, or None."""
    header = int.from_bytes(data[place : place + HEADER_BYTES])
    version, layer = header >> 19 & 3, header >> 17 & 3
    bits, rate_index, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if len(data) < place + HEADER_BYTES or header >> 21 != 0x7FF or layer != LAYER_3:
        return None
    if version not in RATES or bits in (0, 15) or rate_index == 3:
        return None
    rate = RATES[version][rate_index]
    kilobits, num_samples = (KILOBITS_1, 1152) if version == MPEG1 else (KILOBITS_2, 576)
    return _Frame(num_samples // 8 * 1000 * kilobits[bits] // rate + padding, num_samples, rate)
