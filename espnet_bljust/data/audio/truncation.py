"""Audio files cut short by a broken copy: libsndfile reads what is there, without a word. The headers tell.

FLAC needs no help here: its decoder reports the missing frames.
"""

import re

# libsndfile's account of a chunk longer than the file: WAV, AIFF and AU call it differently
CHUNK = re.compile(r"\b(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")
UNKNOWN_LENGTH = 0x7FFF0000  # programs that write WAV to a pipe put such sizes or larger, since they know none
SPHERE_COUNT = re.compile(rb"^sample_count -i (\d+)", re.MULTILINE)
SPHERE_HEADER_BYTES = 1024


def missing(path: str, *, log: str, frames: int, is_sphere: bool) -> str:
    """What is missing, in words, or nothing; ``log`` is soundfile's ``extra_info``, ``frames`` what it found."""
    if is_sphere:
        with open(path, "rb") as file:
            count = SPHERE_COUNT.search(file.read(SPHERE_HEADER_BYTES))
        if count and int(count[1]) > frames:
            return f"{frames} of {int(count[1])} samples"
        return ""
    chunk = CHUNK.search(log)
    if chunk and int(chunk[2]) + 1 < int(chunk[1]) < UNKNOWN_LENGTH:  # one byte may be padding
        return f"{int(chunk[2])} of {int(chunk[1])} bytes"
    return ""
