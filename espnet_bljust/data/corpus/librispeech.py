"""LibriSpeech's layout on disk, which Mini LibriSpeech and Libri-light's ten labelled hours share.

    <part>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac
    <part>/<speaker>/<chapter>/<speaker>-<chapter>.trans.txt      an id and its words, a line an utterance
    SPEAKERS.TXT                                                  id | sex | part | minutes | name

Of the audio only the ends of each file are read (flac.py), by threads: on a network disk it is waiting that takes time.
Source: the archives' own README.TXT; Panayotov et al., ICASSP 2015.
"""

import os
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.audio.flac import read_flac_header
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress
from espnet_bljust.units import SAMPLE_RATE

WORDS = re.compile(r"[A-Z']+(?: [A-Z']+)*")  # the transcripts hold nothing else
AT_ONCE = 64  # speakers whose utterances wait in memory


@dataclass
class Found:
    """What a source turned out to hold; it grows while their rows are read."""

    utterances: int = 0
    speakers: dict[str, float] = field(default_factory=dict)  # speaker -> seconds
    problems: list[str] = field(default_factory=list)


class Chapter(NamedTuple):
    """What one or more chapter folders hold."""

    rows: list[tuple[Utterance, float]]  # an utterance and its seconds
    problems: list[str]


class Listed(NamedTuple):
    """A line of SPEAKERS.TXT."""

    part: str
    minutes: float


class Source(NamedTuple):
    """A part, or what is wanted of it."""

    folder: Path
    listed_as: str  # what SPEAKERS.TXT calls the part of these speakers, or how that begins
    speakers: Path  # SPEAKERS.TXT
    only: Collection[str] | None = None  # the utterances to take; None: all
    without: Collection[str] = ()  # utterances to leave

    def wants(self, utterance: str) -> bool:
        return utterance not in self.without and (self.only is None or utterance in self.only)


def read_source(source: Source, tally: Found, *, threads: int = 8) -> Iterator[Utterance]:
    """The utterances, by speaker and id; what is wrong is noted in ``tally`` and left out."""
    speakers = _folders(source.folder)
    if not speakers:
        tally.problems.append(f"{source.folder}: no folder of a speaker in it. Unpack its archive again.")
    if source.only is not None:
        heard = {utterance.split("-")[0] for utterance in source.only}
        speakers = [speaker for speaker in speakers if speaker in heard]
    with ThreadPoolExecutor(threads) as pool:
        for batch in batched(progress(speakers, str(source.folder), unit="speakers"), AT_ONCE):
            for read in pool.map(lambda speaker: read_speaker(source.folder / speaker), batch):
                tally.problems += read.problems
                for row, seconds in read.rows:
                    if source.wants(row.name):
                        tally.utterances += 1
                        tally.speakers[row.speaker] = tally.speakers.get(row.speaker, 0.0) + seconds
                        yield row


def read_speaker(folder: Path) -> Chapter:
    """All chapters of a speaker."""
    chapters = [read_chapter(folder, name) for name in _folders(folder)]
    problems = [problem for chapter in chapters for problem in chapter.problems]
    if not chapters:
        problems.append(f"{folder}: no folder of a chapter in it. Unpack the archive again.")
    return Chapter([row for chapter in chapters for row in chapter.rows], problems)


def read_chapter(folder: Path, chapter: str) -> Chapter:
    """One chapter of the speaker whose folder it is: whole utterances, and a problem for every other one."""
    speaker, where = folder.name, f"{folder}/{chapter}"
    stem = f"{speaker}-{chapter}"
    words, problems = _read_transcripts(f"{where}/{stem}.trans.txt", stem)
    audio = sorted(entry.name[:-5] for entry in os.scandir(where) if entry.name.endswith(".flac"))
    rows = []
    for utterance in audio:
        path = f"{where}/{utterance}.flac"
        if utterance not in words:
            problems.append(f"{path}: audio without a transcript in {stem}.trans.txt. Unpack the archive again.")
            continue
        try:
            seconds = _seconds(path)
        except InputError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path}: {error.strerror}. Copy it again.")
        else:
            rows.append((Utterance(utterance, speaker, path, words[utterance]), seconds))
    for utterance in sorted(words.keys() - set(audio)):
        problems.append(f"{where}/{utterance}.flac: no such file, but a transcript. Unpack the archive again.")
    return Chapter(rows, problems)


def _seconds(path: str) -> float:
    header = read_flac_header(path)
    if header.rate != SAMPLE_RATE or header.channels != 1:
        raise InputError(f"{path}: {header.rate} Hz and {header.channels} channels, not 16000 Hz and 1. Copy it again.")
    if header.num_samples == 0:
        raise InputError(f"{path}: no samples in it. Copy it again.")
    return header.num_samples / SAMPLE_RATE


def _read_transcripts(path: str, stem: str) -> tuple[dict[str, str], list[str]]:
    """Words by utterance of one chapter, and what is wrong with its lines."""
    try:
        with open(path, "rb") as file:
            lines = file.read().decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}, [f"{path}: no such file: a chapter without transcripts. Unpack the archive again."]
    except UnicodeDecodeError as error:
        return {}, [f"{path}: byte {error.start + 1} is not UTF-8. Copy it again."]
    words, problems = {}, []
    for number, line in enumerate(lines, 1):
        utterance, _, sentence = line.rstrip().partition(" ")
        if not utterance.startswith(f"{stem}-") or utterance in words or not WORDS.fullmatch(sentence):
            problems.append(f"{path}:{number}: {line[:60]!r} is not a new id of {stem} and English words in capitals. "
                            "Copy the file again.")  # fmt: skip
        words[utterance] = sentence
    if not lines:
        problems.append(f"{path}: an empty file. Copy it again.")
    return words, problems


def _folders(folder: Path) -> list[str]:
    """Names of the folders of speakers or chapters, in the order that their ids have."""
    return sorted(entry.name for entry in os.scandir(folder) if entry.name.isdecimal() and entry.is_dir())


def find_part(root: Path, name: str) -> Path | None:
    """The folder of a part, in a folder that holds LibriSpeech/, or the parts themselves, or is the part."""
    candidates = (root / name, root / "LibriSpeech" / name, root)
    return next((folder for folder in candidates if folder.name == name and folder.is_dir()), None)


def read_speakers(path: Path) -> dict[str, Listed]:
    """SPEAKERS.TXT: speaker -> part and minutes; empty where there is no such file."""
    listed = {}
    if not path.is_file():
        return {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        fields = [value.strip() for value in line.split("|", 4)]  # one name holds a bar
        if line.startswith(";") or not line.strip():
            continue
        if len(fields) < 4 or not re.fullmatch(r"\d+(\.\d+)?", fields[3]):
            raise InputError(f"{path}:{number}: {line[:60]!r} is not id | sex | part | minutes | name. Copy it again.")
        listed[fields[0]] = Listed(fields[2], float(fields[3]))
    return listed
