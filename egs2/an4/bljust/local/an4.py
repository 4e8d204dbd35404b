"""AN4 on disk: its lists, transcripts and audio, in any of the forms it goes round in.

    <root>/etc/an4_{train,test}.transcription     <s> YES </s> (an251-fash-b); the test half without <s>
    <root>/wav/{an4_clstk,an4test_clstk}/<speaker>/<prefix>-<speaker>-<suffix>.{flac,wav,sph,raw}

Utterance ids put the speaker first, as Kaldi's sorting wants: fash-an251-b.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.audio.writing import write_audio
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync_tree, temporary_dir
from espnet_bljust.disk.text_file import read_lines
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress
from espnet_bljust.units import SAMPLE_RATE

FORMS = (".flac", ".wav", ".sph", ".raw")
TRANSCRIPT = re.compile(r"(?:<s> )?(?P<words>.*?)(?: </s>)? \((?P<prefix>\w+)-(?P<speaker>\w+)-(?P<suffix>\w+)\)\s*")


class Recording(NamedTuple):
    """One line of an4_samples.tsv."""

    utterance: str
    set_name: str  # train, dev or test
    num_samples: int

    @property
    def speaker(self) -> str:
        return self.utterance.split("-")[0]

    def stem(self, root: Path) -> Path:
        """Its file below ``root``, without the ending."""
        speaker, prefix, suffix = self.utterance.split("-")
        half = "an4test_clstk" if self.set_name == "test" else "an4_clstk"
        return root / "wav" / half / speaker / f"{prefix}-{speaker}-{suffix}"


class Found(NamedTuple):
    """What a check found: audio by utterance, and every problem."""

    audio: dict[str, Path]
    problems: list[str]


def read_list(path: Path) -> list[Recording]:
    """The recordings that make the corpus, with their sets and lengths."""
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return [Recording(utterance, set_name, int(samples)) for utterance, set_name, samples in rows]


def find_root(folder: Path) -> Path:
    """``folder`` or its subfolder ``an4``, whichever holds etc/ and wav/."""
    for root in (folder, folder / "an4"):
        if (root / "etc" / "an4_train.transcription").is_file():
            return root
    raise InputError(f"{folder}: no etc/an4_train.transcription in it. Name the folder that holds AN4's etc and wav.")


def read_transcripts(root: Path) -> dict[str, str]:
    """Words by utterance, from both halves, without <s>, </s> and the file's id."""
    words = {}
    for half in ("train", "test"):
        path = root / "etc" / f"an4_{half}.transcription"
        if not path.is_file():
            raise InputError(f"{path}: no such file. Fetch the corpus again, whole.")
        for number, line in enumerate(read_lines(path, "Fetch it again."), 1):
            match = TRANSCRIPT.fullmatch(line)
            if not match or not match["words"] or "\ufffd" in line:
                raise InputError(f"{path}:{number}: {line!r} is not 'WORDS (file-speaker-mark)'. Fetch it again.")
            utterance = f"{match['speaker']}-{match['prefix']}-{match['suffix']}"
            if utterance in words:
                raise InputError(f"{path}:{number}: {utterance} has a transcript already. Drop one of the lines.")
            words[utterance] = match["words"]
    return words


def check_audio(root: Path, recordings: Iterable[Recording]) -> Found:
    """Decode every recording to its end and compare its length with the list's."""
    audio: dict[str, Path] = {}
    problems: list[str] = []
    for recording in progress(recordings, "check of AN4"):
        stem = recording.stem(root)
        path = next((path for form in FORMS if (path := stem.with_name(stem.name + form)).is_file()), None)
        if path is None:
            problems.append(f"{stem}: no .flac, .wav, .sph or .raw.")
            continue
        audio[recording.utterance] = path
        try:
            samples, rate = (read_raw(path), SAMPLE_RATE) if path.suffix == ".raw" else read_audio(str(path))
        except InputError as error:
            problems.append(str(error))
            continue
        if rate != SAMPLE_RATE or len(samples) != recording.num_samples:
            problems.append(f"{path}: {len(samples)} samples at {rate} Hz, not {recording.num_samples} at 16000 Hz.")
    return Found(audio, problems)


def read_raw(path: Path) -> np.ndarray:
    """Headerless 16-bit samples (sample,) int16, big-endian as in an4_raw.bigendian.tar.gz.

    CMU has a little-endian archive of the same file names too. Speech read in the wrong order is as rough as noise,
    so the order with the smaller steps from sample to sample is the right one.
    """
    data = path.read_bytes()
    if len(data) < 4 or len(data) % 2:
        raise InputError(f"{path}: {len(data)} bytes are no 16-bit speech.")
    readings = [np.frombuffer(data, dtype=order) for order in (">i2", "<i2")]
    return min(readings, key=lambda samples: np.abs(np.diff(samples.astype(np.int64))).mean()).astype(np.int16)


def convert_raw(audio: dict[str, Path], folder: Path) -> dict[str, Path]:
    """``audio`` with every headerless file replaced by a FLAC of the same samples in ``folder``."""
    raw = {utterance: path for utterance, path in audio.items() if path.suffix == ".raw"}
    if not raw:
        return audio
    temporary = fresh_dir(temporary_dir(folder))
    for utterance, path in progress(raw.items(), "AN4 to FLAC", total=len(raw)):
        write_audio(temporary / f"{utterance}.flac", read_raw(path), SAMPLE_RATE)
    sync_tree(temporary)
    swap_dir(temporary, folder)
    return audio | {utterance: folder / f"{utterance}.flac" for utterance in raw}
