"""AISHELL-2 on disk: 1,991 speakers, 1,000 h of read Mandarin from iPhones; here it is speech without labels.

    <data>/wav.scp       IC0001W0001<TAB>wav/C0001/IC0001W0001.wav      below <data>
    <data>/trans.txt     IC0001W0001<TAB>厨房用品
<data> is iOS/data. Its transcripts only serve to keep sentences of AISHELL-1's dev and test out.
"""

import heapq
import os
from collections.abc import Container, Iterable, Iterator
from itertools import batched, groupby
from pathlib import Path
from typing import NamedTuple

from aishell1 import read_transcripts

from espnet_bljust.data.audio.reading import JOINT
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.sorting import grouped, record
from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed

HEARD = "heard"  # a sentence of AISHELL-1's dev or test


class Recording(NamedTuple):
    """One line of wav.scp."""

    utterance: str
    path: str

    @property
    def speaker(self) -> str:
        return os.path.basename(os.path.dirname(self.path))


def find_root(folder: Path) -> Path:
    """The folder iOS/data, given itself or one of the three above it."""
    for root in (folder, folder / "data", folder / "iOS/data", folder / "AISHELL-2/iOS/data"):
        if (root / "wav.scp").is_file() and (root / "trans.txt").is_file():
            return root
    raise InputError(f"{folder}: no iOS/data with wav.scp and trans.txt in it. Name the folder with AISHELL-2's iOS.")


def read_list(root: Path, problems: list[str]) -> Iterator[Recording]:
    """The lines of wav.scp."""
    with open(root / "wav.scp", encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.split(maxsplit=1)
            if len(words) == 2:
                yield Recording(words[0], f"{root}/{words[1].strip()}")
            else:
                problems.append(f"{root}/wav.scp:{number}: {line.strip()[:60]!r} is not an id and its file.")


def read_corpus(root: Path, held_out: Container[str], spool: Path, problems: list[str]) -> Iterator[str]:
    """Records of (place in wav.scp, utterance, path, "" or HEARD for a sentence of ``held_out``), no audio opened.

    By id, one in memory at a time. Recordings and transcripts must each have the other, once.
    """

    def both() -> Iterator[str]:
        for number, recording in enumerate(read_list(root, problems)):
            yield record(recording.utterance, "audio", f"{number:012d}", recording.path)
        for utterance, said in read_transcripts(root / "trans.txt", problems):
            yield record(utterance, "text", HEARD if said in held_out else "")

    for utterance, found in grouped(both(), spool):
        audio = [fields for kind, *fields in found if kind == "audio"]
        text = [fields[0] for kind, *fields in found if kind == "text"]
        for name, lines in (("wav.scp", audio), ("trans.txt", text)):
            if len(lines) > 1:
                problems.append(f"{root}/{name}: {utterance} stands there {len(lines)} times, not once.")
        if not audio:
            problems.append(f"{root}/trans.txt: {utterance} is not in wav.scp. Get both again.")
        elif not text:
            problems.append(f"{root}/wav.scp: {utterance} has no line in trans.txt. Get both again.")
        else:
            number, path = audio[0]
            yield record(number, utterance, path, text[0])


def join(recordings: Iterable[Recording], size: int) -> Iterator[tuple[Recording, ...]]:
    """Neighbours of one speaker in the order of the list, ``size`` of them together, without shuffling.

    What is left of a speaker makes a shorter one.
    """
    for _, group in groupby(recordings, key=lambda recording: recording.speaker):
        yield from batched(group, size)


def choose_valid(names: Iterable[str], share: float, total: int) -> set[str]:
    """``share`` of ``total`` joined recordings, at least one, drawn by the ids of their first ones."""
    wanted = max(1, round(share * total))
    return set(heapq.nsmallest(wanted, names, key=lambda name: derive_seed(0, "pretrain_valid", name)))


def describe(part: tuple[Recording, ...]) -> Utterance:
    """One utterance, called by its speaker, its first recording and their number."""
    first = part[0]
    audio = JOINT.join(recording.path for recording in part)
    return Utterance(f"{first.speaker}-{first.utterance}-{len(part)}", first.speaker, audio)
