"""Speech from espeak-ng, the same bits for the same request whatever was said before.

The engine (libespeak-ng through the package `espeakng_loader`) keeps wave phases and random numbers between two
utterances, and `espeak_Initialize` does not clear them. So each utterance is spoken by a fork of a process in which
the engine stands initialised and has said nothing yet: about 10 ms an utterance.
Source: espeak-ng, src/include/espeak-ng/speak_lib.h.
"""

import ctypes
import os
import warnings
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from espnet_bljust.data.audio.resample import resample
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE

SYNCHRONOUS, SSML_AND_UTF8 = 2, 0x10 | 1
RATE, PITCH, RANGE = 1, 3, 4  # enum espeak_PARAMETER
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class EspeakVoice(NamedTuple):
    """One speaker: a language with a variant, and how it speaks."""

    name: str  # "en-us+f2": a file of voices/!v after the plus sign
    words_per_minute: int  # 80..450, 175 is usual
    pitch: int  # 0..99, 50 is usual
    pitch_range: int  # 0..99, 0 monotonous, 50 usual


def speak(text: str, voice: EspeakVoice, *, seed: int) -> np.ndarray:
    """Speech (sample,) float32 in [-1, 1) at 16 kHz; ``text`` may hold SSML such as ``<break time="80ms"/>``.

    ``seed`` chooses the engine's own random parts (flutter, breath).
    """
    library, rate = _engine()
    _check_variant(voice.name)
    samples = np.frombuffer(_in_fork(library, text, voice, seed), dtype=np.int16)
    if len(samples) == 0:
        raise InputError(f"espeak-ng: voice {voice.name} says nothing for {text!r}. Choose another voice.")
    return resample(samples / 32768, rate, SAMPLE_RATE)


@lru_cache(maxsize=1)
def _engine() -> tuple[ctypes.CDLL, int]:
    """The initialised library, in which nothing may be spoken, and its sample rate in Hz."""
    try:
        import espeakng_loader
    except ImportError:
        raise InputError("espeak-ng: the package espeakng-loader is not installed. Run setup.sh again.") from None
    data_path = espeakng_loader.get_data_path()
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, data_path.encode(), 0)
    if rate <= 0:
        raise InputError(f"espeak-ng: its data at {data_path} cannot be read. Run setup.sh again.")
    return library, rate


def _check_variant(name: str) -> None:
    """Refuse a variant without a file: the engine itself would speak on in the plain voice, silently."""
    import espeakng_loader

    variant = name.partition("+")[2]
    if variant and not os.path.isfile(os.path.join(espeakng_loader.get_data_path(), "voices", "!v", variant)):
        raise InputError(f"espeak-ng: voice {name}: it has no variant {variant}. Choose another voice.")


def _in_fork(library: ctypes.CDLL, text: str, voice: EspeakVoice, seed: int) -> bytes:
    """Little-endian 16-bit samples at the engine's rate, made by a child process."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():  # the child takes no lock: it calls the engine, writes and leaves
        warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(_synthesise(library, text, voice, seed))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        samples = pipe.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise InputError(f"espeak-ng: voice {voice.name} failed on {text!r}. Check that the voice exists.")
    return samples


def _synthesise(library: ctypes.CDLL, text: str, voice: EspeakVoice, seed: int) -> bytes:
    """Samples as the engine gives them; runs in the child alone."""
    parts: list[bytes] = []

    def receive(wave: int | None, count: int, _: int | None) -> int:
        if wave and count > 0:
            parts.append(ctypes.string_at(wave, 2 * count))
        return 0

    callback = CALLBACK(receive)
    library.espeak_SetSynthCallback(callback)
    library.espeak_ng_SetRandSeed(ctypes.c_long(seed % 2**31))
    if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
        raise ValueError(voice.name)
    for parameter, value in ((RATE, voice.words_per_minute), (PITCH, voice.pitch), (RANGE, voice.pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)
    data = text.encode()
    library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 1, 0, SSML_AND_UTF8, None, None)
    library.espeak_Synchronize()
    return b"".join(parts)


def add_background(speech: np.ndarray, generator: np.random.Generator, *, snr_db: tuple[float, float]) -> np.ndarray:
    """``speech`` (sample,) with coloured noise at a ratio drawn from ``snr_db``, as if recorded in a room."""
    from scipy.signal import lfilter

    noise = lfilter([1.0], [1.0, -generator.uniform(0.0, 0.9)], generator.standard_normal(len(speech)))
    level = np.sqrt(np.mean(speech**2) / np.mean(noise**2)) * 10 ** (-generator.uniform(*snr_db) / 20)
    return speech + level * noise


def to_int16(speech: np.ndarray, *, rms_db: float, peak: float = 0.95) -> np.ndarray:
    """``speech`` scaled to ``rms_db`` below full scale, lower where its peak would pass ``peak``; int16."""
    gain = min(10 ** (rms_db / 20) / np.sqrt(np.mean(speech**2)), peak / np.abs(speech).max())
    return np.round(speech * gain * 32767).astype(np.int16)
