"""Mboshi on disk: a transcript beside every recording, and how a dev set is cut from the official training half.

    <root>/full_corpus_newsplit/{train,dev}/<speaker>_<date>_<device>_mdw_elicit_<list>_<n>.{wav,mb,fr}
.mb: one line of Mboshi (ISO 639-3 mdw); .fr: its French translation, not used here.
Source: Godard et al., arXiv:1710.03501; github.com/besacier/mboshi-french-parallel-corpus.
"""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.audio.headers import read_header
from espnet_bljust.data.audio.truncation import Tolerance
from espnet_bljust.data.corpus.folder import ENDINGS
from espnet_bljust.data.text.normalise import normalise, without_marks
from espnet_bljust.disk.text_file import read_lines
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress
from espnet_bljust.randomness import derive_seed

HALVES = ("train", "dev")
OFFICIAL = 5130  # utterances of both
EVERY = 20  # one sentence of so many of the training half is dev
# 45 ms of a recording of 1.1 s, the shortest, are 4 %; run.sh gives stage 3 the same bounds
TOLERANCE = Tolerance(seconds=0.1, share=0.05)


class Utterance(NamedTuple):
    """One recording and what is said in it."""

    name: str
    audio: Path
    words: str
    seconds: float
    is_short: bool  # it ends before its header says

    @property
    def speaker(self) -> str:
        return self.name.split("_")[0].lower()

    @property
    def is_dev(self) -> bool:
        """By a hash of the sentence alone: who reads it, and how often, does not count."""
        return derive_seed(0, "mboshi dev", sentence(self.words)) % EVERY == 0


class Half(NamedTuple):
    """What was found in train or dev."""

    utterances: list[Utterance]
    problems: list[str]


def find_root(folder: Path) -> Path:
    """The folder that holds train and dev: ``folder`` or its full_corpus_newsplit."""
    for root in (folder / "full_corpus_newsplit", folder):
        if all((root / half).is_dir() for half in HALVES):
            return root
    raise InputError(f"{folder}: no full_corpus_newsplit with train and dev in it. Name the folder of the clone.")


def sentence(words: str) -> str:
    """What two transcripts of one sentence share, however their tones and words are written."""
    return without_marks(words).replace("'", "").replace(" ", "")


def read_half(folder: Path) -> Half:
    """Every pair of a recording and a transcript below ``folder``, and everything that is wrong there."""
    recordings: dict[str, list[Path]] = defaultdict(list)
    transcripts: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in ENDINGS:
            recordings[path.stem].append(path)
        elif path.suffix == ".mb":
            transcripts[path.stem] = path
    problems = [f"{path}: no recording beside it. Copy it again." for stem, path in transcripts.items()
                if stem not in recordings]  # fmt: skip
    utterances = []
    for stem, paths in progress(recordings.items(), f"headers of Mboshi's {folder.name}", total=len(recordings)):
        try:
            utterances.append(read_utterance(stem, paths, transcripts.get(stem)))
        except InputError as error:
            problems.append(str(error))
    return Half(utterances, problems)


def read_utterance(stem: str, paths: list[Path], transcript: Path | None) -> Utterance:
    """InputError where a part of it is missing, twice there or cannot be used."""
    if transcript is None:
        raise InputError(f"{paths[0]}: no transcript {stem}.mb beside it. Copy it again.")
    if len(paths) > 1:
        raise InputError(f"{paths[0]}: {paths[1].name} lies beside it, another recording of one name. Take one away.")
    header = read_header(paths[0], TOLERANCE)
    if not header.num_samples:
        raise InputError(f"{paths[0]}: no samples. Copy it again.")
    seconds = header.num_samples / header.rate
    return Utterance(stem, paths[0], read_words(transcript), seconds, header.short_seconds > 0)


def read_words(path: Path) -> str:
    """The line of a transcript as in the corpus's own .mb.cleaned: small letters, no apostrophes, tones as written."""
    lines = [line for line in read_lines(path, "Copy it again.") if line.strip()]
    if len(lines) != 1:
        raise InputError(f"{path}: {len(lines)} lines where one is due. Copy it again.")
    words = normalise(lines[0], "mdw")
    odd = sorted({letter for letter in words if letter not in " '" and not letter.isalpha()})
    if odd or not words:
        raise InputError(f"{path}: {lines[0]!r} holds {''.join(odd) or 'no letter'!r}. Copy it again.")
    return words
