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

from espnet_bljust.disk.sorting import grouped, record
from espnet_bljust.errors import InputError

SETS = ("train", "dev", "test")
TRANSCRIPT = Path("transcript/aishell_transcript_v0.8.txt")
MOST_UNTRANSCRIBED = 0.005  # share of recordings; the official corpus has 0.0023


class Recording(NamedTuple):
    """One of the corpus."""

    utterance: str
    set: str
    speaker: str
    path: str
    text: str | None  # characters; the few that have none are left out


def find_root(folder: Path) -> Path:
    """``folder`` or its subfolder data_aishell, whichever holds wav/ and transcript/."""
    for root in (folder, folder / "data_aishell"):
        if (root / TRANSCRIPT).is_file():
            return root
    raise InputError(f"{folder}: no {TRANSCRIPT} in it. Name the folder that holds AISHELL-1's wav and transcript.")


def characters(text: str) -> str:
    """Transcript without white space and invisible marks (Unicode's Cf, such as a byte order mark)."""
    return "".join(one for one in "".join(text.split()) if unicodedata.category(one) != "Cf")


def read_transcripts(path: Path, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Utterance and characters, line by line; lines that are not ``id text`` are problems."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            utterance, _, said = line.strip().partition(" ") if "\t" not in line else line.strip().partition("\t")
            said = characters(said)
            if said and "\ufffd" not in line:
                yield utterance, said
            else:
                problems.append(f"{path}:{number}: {line.strip()[:60]!r} is not an id and its text, once.")


def find_recordings(folder: Path, ending: str = ".wav") -> Iterator[tuple[str, str]]:
    """(speaker, file) of <folder>/<speaker>/<utterance>.wav, sorted by speaker."""
    for speaker in sorted(os.listdir(folder)) if folder.is_dir() else ():
        if (folder / speaker).is_dir():
            for name in sorted(os.listdir(folder / speaker)):
                if name.endswith(ending):
                    yield speaker, f"{folder}/{speaker}/{name}"


def find_all(root: Path, problems: list[str]) -> Iterator[tuple[str, str, str]]:
    """(set, speaker, file) of every recording; missing sets and archives that were not unpacked are problems."""
    archives = {path.name.removesuffix(".tar.gz"): path for path in sorted((root / "wav").glob("*.tar.gz"))}
    for name in SETS:
        found = False
        for speaker, path in find_recordings(root / "wav" / name):
            found = True
            archives.pop(speaker, None)
            yield name, speaker, path
        if not found:
            problems.append(f"{root / 'wav' / name}: no recordings of the set {name}. Unpack or copy the corpus again.")
    for archive in archives.values():
        problems.append(f"{archive}: not unpacked. In its folder: tar -xzf {archive.name}")


def read_corpus(root: Path, spool: Path, problems: list[str]) -> Iterator[Recording]:
    """All recordings with their transcripts, by id, one in memory at a time; no audio is opened.

    A transcript without a recording, and a second of either, are problems.
    """

    def both() -> Iterator[str]:
        for name, speaker, path in find_all(root, problems):
            yield record(os.path.splitext(os.path.basename(path))[0], "audio", name, speaker, path)
        for utterance, said in read_transcripts(root / TRANSCRIPT, problems):
            yield record(utterance, "text", said)

    for utterance, found in grouped(both(), spool):
        audio = [fields for kind, *fields in found if kind == "audio"]
        text = [fields[0] for kind, *fields in found if kind == "text"]
        if len(text) > 1:
            problems.append(f"{root / TRANSCRIPT}: {utterance} and its text stand there {len(text)} times, not once.")
        if not audio:
            problems.append(f"{root / TRANSCRIPT}: {utterance} has no recording. Copy the corpus again.")
        for _, _, path in audio[1:]:
            problems.append(f"{path}: the id {utterance} is that of {audio[0][2]} too. Copy the corpus again.")
        for fields in audio[:1]:
            yield Recording(utterance, *fields, text[0] if text else None)
