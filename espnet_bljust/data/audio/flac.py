"""What the two ends of a FLAC file tell without decoding: rate, channels, samples, and whether the last frame is there.

A file cut short by a broken copy keeps its header, and so its length; only its last frame is missing.
Source: RFC 9639, sections 8.1 and 8.2 (header), 9.1 (frame header).
"""

import os
from typing import BinaryIO, NamedTuple

from espnet_bljust.errors import InputError

HEADER_BYTES = 42  # "fLaC", a block header of 4, STREAMINFO of 34
SYNC = b"\xff\xf8"  # of a frame, in a stream of one block size
BEHIND_BYTES = 256  # other programs may append a tag


class FlacHeader(NamedTuple):
    """STREAMINFO, as far as it matters here."""

    rate: int  # Hz
    channels: int
    num_samples: int  # of each channel; 0 when the encoder did not know
    block: int  # samples of a frame; 0 when frames differ
    largest_frame: int  # bytes; 0 when unknown


def read_flac_header(path: str | os.PathLike) -> FlacHeader:
    """The header of a FLAC file that is there to its last frame; InputError for any other."""
    with open(path, "rb") as file:
        data = file.read(HEADER_BYTES)
        if not data:
            raise InputError(f"{path}: an empty file. Copy it again.")
        if len(data) < HEADER_BYTES or data[:4] != b"fLaC" or data[4] & 0x7F != 0:
            raise InputError(f"{path}: no FLAC file. Copy it again, or convert it: flac {path}.")
        header = _parse(data)
        if not _has_last_frame(file, header):
            raise InputError(f"{path}: cut short: its end is missing. Copy it again.")
    return header


def _parse(data: bytes) -> FlacHeader:
    smallest_block, largest_block = int.from_bytes(data[8:10]), int.from_bytes(data[10:12])
    packed = int.from_bytes(data[18:26])  # 20 bits rate, 3 channels - 1, 5 bits a sample - 1, 36 samples
    return FlacHeader(
        rate=packed >> 44,
        channels=(packed >> 41 & 7) + 1,
        num_samples=packed & (1 << 36) - 1,
        block=largest_block if smallest_block == largest_block else 0,
        largest_frame=int.from_bytes(data[15:18]),
    )


def _has_last_frame(file: BinaryIO, header: FlacHeader) -> bool:
    """Whether the last frame begins in the file; True where the header does not tell enough to know."""
    if not (header.num_samples and header.block and header.largest_frame):
        return True
    number = _coded((header.num_samples - 1) // header.block)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(HEADER_BYTES, size - header.largest_frame - BEHIND_BYTES))
    tail = file.read()
    place = tail.rfind(SYNC)
    while place >= 0:
        if tail.startswith(number, place + 4):
            return True
        place = tail.rfind(SYNC, 0, place)
    return False


def _coded(number: int) -> bytes:
    """A frame number as it stands behind the four bytes of sync, sizes and channels: UTF-8's code, to 31 bits."""
    if number < 0x80:
        return bytes([number])
    tail: list[int] = []
    room = 0x40
    while number >= room:  # what the first byte cannot hold beside its marks
        tail.insert(0, 0x80 | number & 0x3F)
        number >>= 6
        room = 0x40 >> len(tail)
    return bytes([0xFF << 7 - len(tail) & 0xFF | number, *tail])
