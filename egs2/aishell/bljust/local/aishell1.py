"""AISHELL-1 on disk: 400 speakers, 178 h, read Mandarin with transcripts.

    <root>/wav/{train,dev,test}/<speaker>/<utterance>.wav
    <root>/transcript/aishell_transcript_v0.8.txt     BAC009S0002W0122 而 对 楼市 成交 抑制 作用 最 大 的 限 购
<root>/wav/<speaker>.tar.gz is how a speaker comes out of the archive. The official corpus holds 141,925 recordings and
141,600 transcripts: 0.23 % of the recordings have none, which the corpus leaves out itself.
"""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.errors import InputError

SETS = ("train", "dev", "test")
TRANSCRIPT = Path("transcript/aishell_transcript_v0.8.txt")
MOST_UNTRANSCRIBED = 0.005  # share of recordings; the official corpus has 0.0023


class Corpus(NamedTuple):
    """What was found; ids by set."""

    wavs: dict[str, dict[str, str]]  # set -> utterance -> file
    text: dict[str, str]  # utterance -> characters
    untranscribed: list[str]  # recordings without a transcript
    problems: list[str]


def find_root(folder: Path) -> Path:
    """``folder`` or its subfolder data_aishell, whichever holds wav/ and transcript/."""
    for root in (folder, folder / "data_aishell"):
        if (root / TRANSCRIPT).is_file():
            return root
    raise InputError(f"{folder}: no {TRANSCRIPT} in it. Name the folder that holds AISHELL-1's wav and transcript.")


def characters(text: str) -> str:
    """Transcript without white space and invisible marks (Unicode's Cf, such as a byte order mark)."""
    return "".join(one for one in "".join(text.split()) if unicodedata.category(one) != "Cf")


def read_transcripts(path: Path) -> tuple[dict[str, str], list[str]]:
    """Characters by utterance; and lines that are not ``id text``, or an id's second."""
    text: dict[str, str] = {}
    problems = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            utterance, _, said = line.strip().partition(" ") if "\t" not in line else line.strip().partition("\t")
            said = characters(said)
            if not said or "\ufffd" in line or utterance in text:
                problems.append(f"{path}:{number}: {line.strip()[:60]!r} is not an id and its text, once.")
            else:
                text[utterance] = said
    return text, problems


def find_recordings(folder: Path, ending: str = ".wav") -> Iterator[tuple[str, str]]:
    """(speaker, file) of <folder>/<speaker>/<utterance>.wav, sorted by speaker."""
    for speaker in sorted(os.listdir(folder)) if folder.is_dir() else ():
        if (folder / speaker).is_dir():
            for name in sorted(os.listdir(folder / speaker)):
                if name.endswith(ending):
                    yield speaker, f"{folder}/{speaker}/{name}"


def read_corpus(root: Path) -> Corpus:
    """All sets, and what speaks against them; no audio is opened."""
    text, problems = read_transcripts(root / TRANSCRIPT)
    wavs: dict[str, dict[str, str]] = {}
    unpacked = set()
    for name in SETS:
        wavs[name] = {}
        for speaker, path in find_recordings(root / "wav" / name):
            unpacked.add(speaker)
            wavs[name][Path(path).stem] = path
        if not wavs[name]:
            problems.append(f"{root / 'wav' / name}: no recordings of the set {name}. Unpack or copy the corpus again.")
    for archive in sorted((root / "wav").glob("*.tar.gz")):
        if archive.name.removesuffix(".tar.gz") not in unpacked:
            problems.append(f"{archive}: not unpacked. In its folder: tar -xzf {archive.name}")
    heard = {utterance for found in wavs.values() for utterance in found}
    problems += [f"{root / TRANSCRIPT}: {utterance} has no recording. Copy the corpus again."
                 for utterance in sorted(text.keys() - heard)]
    untranscribed = sorted(heard - text.keys())
    if len(untranscribed) > MOST_UNTRANSCRIBED * len(heard):
        problems += [f"{utterance}: no line in {root / TRANSCRIPT}. Get the file again." for utterance in untranscribed]
    for found in wavs.values():
        for utterance in untranscribed:
            found.pop(utterance, None)
    return Corpus(wavs, text, untranscribed, problems)
