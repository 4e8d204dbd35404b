"""TIMIT on disk, as LDC or as NLTK lays it out, names in upper or lower case.

    <root>/{train,test}/dr1/fcjf0/si1027.{wav,phn,txt,wrd}     LDC93S1; NIST SPHERE in spite of the name .wav
    <root>/dr1-fvmh0/si836.{wav,phn,txt,wrd}                   NLTK's sample: 16 training speakers

A line of .phn is `first_sample last_sample phone`, the one line of .txt `first_sample last_sample The sentence.`
Utterance ids are Kaldi's: fcjf0_si1027. Source: TIMIT's readme.doc and testset.doc.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.errors import InputError

HALVES = ("train", "test")
SENTENCE = re.compile(r"(?P<name>s[aix]\d+)\.(?P<ending>wav|phn|txt)")
FLAT = re.compile(r"dr\d-(?P<speaker>[fm]\w{4})")
SPEAKER = re.compile(r"[fm]\w{4}")
SPAN = re.compile(r"\d+\s+\d+\s+(?P<content>\S.*)")


class Speaker(NamedTuple):
    """One folder of recordings."""

    name: str  # fcjf0
    half: str  # train or test
    folder: Path


class Text(NamedTuple):
    """Both transcripts of a sentence."""

    words: str
    phones: str  # of the 48


def find_root(folder: Path) -> Path:
    """``folder``, or the folder timit or data below it, that holds the speakers."""
    looked_at = [folder]
    for place in looked_at:
        children = _folders(place)
        if any(name in HALVES or FLAT.fullmatch(name) for name in children):
            return place
        looked_at += [path for name, path in children.items() if name in ("timit", "data")]
    raise InputError(f"{folder}: neither TRAIN and TEST nor dr1-fvmh0 and the like in it. Name TIMIT's own folder.")


def find_speakers(root: Path) -> list[Speaker]:
    """All speakers, by name."""
    found = []
    for name, folder in _folders(root).items():
        if match := FLAT.fullmatch(name):
            found.append(Speaker(match["speaker"], "train", folder))
        elif name in HALVES:
            regions = [path for region, path in _folders(folder).items() if re.fullmatch(r"dr\d", region)]
            found += [
                Speaker(speaker, name, path)
                for region in regions
                for speaker, path in _folders(region).items()
                if SPEAKER.fullmatch(speaker)
            ]
    return sorted(found)


def find_sentences(folder: Path) -> dict[str, dict[str, Path]]:
    """Sentence -> ending -> file; WRD repeats the words of TXT and is not needed."""
    sentences: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        if match := SENTENCE.fullmatch(path.name.lower()):
            sentences.setdefault(match["name"], {})[match["ending"]] = path
    return sentences


def read_words(path: Path) -> str:
    """The sentence in lower case: letters, digits and apostrophes stay, everything else parts words."""
    spans = list(_spans(path))
    words = re.sub(r"[^a-z0-9']+", " ", " ".join(spans).lower()).strip()
    if not words:
        raise InputError(f"{path}: no words in it. Copy it again.")
    return words


def read_phones(path: Path, fold: dict[str, str]) -> str:
    """The phones of the 48, with spaces between; glottal stops, which ``fold`` maps to nothing, are left out."""
    phones = []
    for number, phone in enumerate(_spans(path), 1):
        if phone not in fold:
            raise InputError(f"{path}:{number}: {phone!r} is none of TIMIT's 61 phones. Copy it again.")
        phones.append(fold[phone])
    if not any(phones):
        raise InputError(f"{path}: no phones in it. Copy it again.")
    return " ".join(phone for phone in phones if phone)


def read_fold(path: Path) -> dict[str, str]:
    """Phone -> what it becomes; empty where it is left out."""
    rows = [line.split() for line in path.read_text().splitlines()]
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows}


def _spans(path: Path) -> Iterator[str]:
    """What stands behind the two times of every line."""
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), 1):
        match = SPAN.fullmatch(line.rstrip())
        if not match:
            raise InputError(f"{path}:{number}: {line!r} is not 'first_sample last_sample text'. Copy it again.")
        yield match["content"]


def _folders(folder: Path) -> dict[str, Path]:
    """Subfolders by their name in lower case, sorted."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder. Check the name.")
    return {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
