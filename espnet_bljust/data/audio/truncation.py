"""Audio files that hold less than their headers promise: libsndfile reads what is there, without a word.

A copy that broke off lacks seconds; a recorder that wrote its header before its last block lacks some milliseconds, and
what was said is whole. So what is missing is measured: up to a tolerance the file is used as it is and listed, beyond
it refused. FLAC needs no help here: its decoder reports the missing frames.
"""

import re
from argparse import ArgumentTypeError
from typing import NamedTuple, Self

# libsndfile's account of a chunk longer than the file: WAV, AIFF and AU call it differently
CHUNK = re.compile(r"\b(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")
UNKNOWN_LENGTH = 0x7FFF0000  # programs that write WAV to a pipe put such sizes or larger, since they know none
SPHERE_COUNT = re.compile(rb"^sample_count -i (\d+)", re.MULTILINE)
SPHERE_HEADER_BYTES = 1024


class Tolerance(NamedTuple):
    """What may be missing at most; both must hold."""

    seconds: float = 0.1
    share: float = 0.02  # of what the header promises

    @classmethod
    def read(cls, text: str) -> Self:
        """``0.1 0.02``; ArgumentTypeError, as argparse wants it, for what is no tolerance."""
        try:
            seconds, share = map(float, text.split())
        except ValueError:
            seconds = share = -1.0
        if not (0 <= seconds and 0 <= share < 1):
            raise ArgumentTypeError(f"{text}: not seconds and a share below 1, such as '0.1 0.02'")
        return cls(seconds, share)


DEFAULT = Tolerance()


class Shortfall(NamedTuple):
    """What is missing; nothing where ``there`` is ``promised``."""

    there: int = 0
    promised: int = 0
    unit: str = "samples"
    seconds: float = 0.0

    def within(self, tolerance: Tolerance) -> bool:
        """Whether the file may be used."""
        missing = self.promised - self.there
        return self.seconds <= tolerance.seconds and missing <= tolerance.share * self.promised

    def __str__(self) -> str:
        return f"{self.there} of {self.promised} {self.unit}"


def shortfall(path: str, *, log: str, frames: int, rate: int, is_sphere: bool) -> Shortfall:
    """``log`` is soundfile's ``extra_info``, ``frames`` what it found, at ``rate`` Hz."""
    if is_sphere:
        with open(path, "rb") as file:
            count = SPHERE_COUNT.search(file.read(SPHERE_HEADER_BYTES))
        promised = int(count[1]) if count else 0
        return Shortfall(frames, promised, "samples", (promised - frames) / rate) if promised > frames else Shortfall()
    chunk = CHUNK.search(log)
    if chunk and int(chunk[2]) + 1 < int(chunk[1]) < UNKNOWN_LENGTH:  # one byte may be padding
        return of_bytes(int(chunk[2]), int(chunk[1]), frames / rate)
    return Shortfall()


def of_bytes(there: int, promised: int, seconds: float) -> Shortfall:
    """``there`` bytes of samples last ``seconds``."""
    missing = seconds * (promised - there) / there if there else float("inf")
    return Shortfall(there, promised, "bytes", missing)
