"""RAVDESS speech on disk: 24 actors, two sentences, 8 emotions; all of it is in the names of the files.

    <root>/Actor_<AA>/03-01-<EE>-<II>-<SS>-<RR>-<AA>.wav       48 kHz; a few of them in stereo
03 audio alone, 01 speech (02 song), EE emotion, II intensity (01 normal, 02 strong; neutral is only normal),
SS sentence, RR repetition, AA actor (odd: male).
Source: Livingstone and Russo, PLoS ONE 13(5) e0196391, 2018; zenodo.org/records/1188976.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed

EMOTIONS = {"01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful", "07": "disgust",
            "08": "surprised"}
ACTORS = [f"{number:02d}" for number in range(1, 25)]
SPEECH = re.compile(r"03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])-0[12]-0[12]-(?P<actor>\d\d)")
OTHER = re.compile(r"(?:0[123])-0[12](?:-\d\d){5}")  # song, or the sound of the films


class Recording(NamedTuple):
    """One file."""

    path: Path

    @property
    def actor(self) -> str:
        return self.path.stem[-2:]

    @property
    def speaker(self) -> str:
        return f"Actor_{self.actor}"

    @property
    def utterance(self) -> str:
        return f"{self.speaker}-{self.path.stem}"

    @property
    def emotion(self) -> str:
        return EMOTIONS[self.path.stem[6:8]]


class Corpus(NamedTuple):
    """What was found."""

    recordings: list[Recording]
    missing: list[str]  # names that belong to the corpus and are not there
    others: int  # files of song and film, which are left alone
    problems: list[str]


def find_root(folder: Path) -> Path:
    """``folder`` or the one subfolder of it that holds the actors' folders."""
    for root in (folder, *(path for path in sorted(folder.glob("*")) if path.is_dir())):
        if any(root.glob("Actor_[0-9][0-9]")):
            return root
    raise InputError(f"{folder}: no Actor_01 ... Actor_24 in it. Name the folder that holds RAVDESS's actors.")


def expected() -> Iterator[str]:
    """The 1,440 names of the speech files, without ending: 60 an actor."""
    for emotion, intensity, sentence, repetition, actor in product(EMOTIONS, ("01", "02"), *[("01", "02")] * 2, ACTORS):
        if (emotion, intensity) != ("01", "02"):
            yield f"03-01-{emotion}-{intensity}-{sentence}-{repetition}-{actor}"


def read_corpus(root: Path) -> Corpus:
    """All speech files, and what speaks against them; no audio is opened."""
    names, recordings, problems, others = set(expected()), [], [], 0
    for path in sorted(root.glob("Actor_*/*")):
        if path.suffix.lower() != ".wav":
            problems += [f"{path}: not a .wav. Take it away."] if not path.name.startswith(".") else []
        elif path.stem in names and path.parent.name == f"Actor_{path.stem[-2:]}":
            recordings.append(Recording(path))
        elif OTHER.fullmatch(path.stem) and not path.stem.startswith("03-01"):
            others += 1
        else:
            problems.append(f"{path}: not the name of a speech file of this actor. Take it away, or restore its name.")
    missing = sorted(names - {recording.path.stem for recording in recordings})
    return Corpus(recordings, missing, others, problems)


def by_speaker(recordings: Sequence[Recording], fold: int, folds: int) -> dict[str, list[Recording]]:
    """Speakers apart: in fold k the k-th group of actors is test, and the next one (after the last the first) dev.

    Neighbours are a man and a woman, so every set has as many of both. Each actor is in one test set of all folds.
    Of a part of the corpus, the actors that are there are grouped.
    """
    actors = sorted({recording.actor for recording in recordings})
    sets: dict[str, list[Recording]] = {"train": [], "dev": [], "test": []}
    for recording in recordings:
        block = actors.index(recording.actor) * folds // len(actors)
        name = {fold - 1: "test", fold % folds: "dev"}.get(block, "train")
        sets[name].append(recording)
    return sets


def by_file(recordings: Sequence[Recording]) -> dict[str, list[Recording]]:
    """A tenth of the files dev, a tenth test, of every emotion as far as it goes; an actor is in all sets.

    As in published programs: not by actor.
    """
    drawn = sorted(recordings, key=lambda recording: derive_seed(0, "ravdess by file", recording.utterance))
    emotions = Counter(recording.emotion for recording in drawn)
    seen: Counter = Counter()
    place = {}  # of a file among those of its emotion, from 0 to 1
    for recording in drawn:
        place[recording] = (seen[recording.emotion] + 0.5) / emotions[recording.emotion]
        seen[recording.emotion] += 1
    drawn.sort(key=place.__getitem__)
    tenth = max(1, round(len(drawn) / 10))
    return {"train": drawn[: -2 * tenth], "dev": drawn[-2 * tenth : -tenth], "test": drawn[-tenth:]}
