"""Audio files written so that a full disk is noticed."""

import io
from pathlib import Path

import numpy as np
import soundfile

from espnet_bljust.disk.files import named


def write_audio(path: Path, samples: np.ndarray, rate: int) -> None:
    """(sample,) int16 as 16-bit audio, FLAC or WAV as ``path`` ends; OSError where the disk refuses.

    Through memory: of a FLAC file whose last block found no room libsndfile says nothing.
    """
    memory = io.BytesIO()
    soundfile.write(memory, samples, rate, format=path.suffix[1:], subtype="PCM_16")
    with named(path):
        path.write_bytes(memory.getbuffer())
