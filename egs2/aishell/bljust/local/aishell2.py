"""AISHELL-2 on disk: 1,991 speakers, 1,000 h of read Mandarin from iPhones; here it is speech without labels.

    <data>/wav.scp       IC0001W0001<TAB>wav/C0001/IC0001W0001.wav      below <data>
    <data>/trans.txt     IC0001W0001<TAB>厨房用品
<data> is iOS/data. Its transcripts only serve to keep sentences of AISHELL-1's dev and test out.
"""

from collections.abc import Container, Iterator, Sequence
from itertools import batched, groupby
from pathlib import Path
from typing import NamedTuple

from aishell1 import read_transcripts

from espnet_bljust.data.audio import JOINT
from espnet_bljust.data.kaldi_dir import KaldiDir
from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed


class Recording(NamedTuple):
    """One line of wav.scp."""

    utterance: str
    path: str

    @property
    def speaker(self) -> str:
        return Path(self.path).parent.name


class Corpus(NamedTuple):
    """What was found."""

    recordings: list[Recording]  # in the order of wav.scp
    text: dict[str, str]  # utterance -> characters
    problems: list[str]


def find_root(folder: Path) -> Path:
    """The folder iOS/data, given itself or one of the three above it."""
    for root in (folder, folder / "data", folder / "iOS/data", folder / "AISHELL-2/iOS/data"):
        if (root / "wav.scp").is_file() and (root / "trans.txt").is_file():
            return root
    raise InputError(f"{folder}: no iOS/data with wav.scp and trans.txt in it. Name the folder with AISHELL-2's iOS.")


def read_corpus(root: Path) -> Corpus:
    """Recordings and transcripts, each of which must have the other; no audio is opened."""
    text, problems = read_transcripts(root / "trans.txt")
    recordings: dict[str, Recording] = {}
    with open(root / "wav.scp", encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.split(maxsplit=1)
            if len(words) != 2 or words[0] in recordings:
                problems.append(f"{root}/wav.scp:{number}: {line.strip()[:60]!r} is not an id and its file, once.")
            else:
                recordings[words[0]] = Recording(words[0], str(root / words[1].strip()))
    problems += [f"{root}/trans.txt: {utterance} is not in wav.scp. Get both again."
                 for utterance in sorted(text.keys() - recordings.keys())]
    problems += [f"{root}/wav.scp: {utterance} has no line in trans.txt. Get both again."
                 for utterance in sorted(recordings.keys() - text.keys())]
    return Corpus(list(recordings.values()), text, problems)


def unheard(corpus: Corpus, held_out: Container[str]) -> tuple[list[Recording], list[Recording]]:
    """Recordings to train on, and those whose sentence is one of ``held_out``."""
    kept, removed = [], []
    for recording in corpus.recordings:
        (removed if corpus.text.get(recording.utterance) in held_out else kept).append(recording)
    return kept, removed


def join(recordings: Sequence[Recording], size: int) -> Iterator[list[Recording]]:
    """Neighbours of one speaker in the order of the list, ``size`` of them together, without shuffling.

    What is left of a speaker makes a shorter one.
    """
    for _, group in groupby(recordings, key=lambda recording: recording.speaker):
        for part in batched(group, size):
            yield list(part)


def split_off(joined: Sequence[list[Recording]], share: float) -> tuple[list, list]:
    """(training, validation): ``share`` of the joined recordings, at least one, drawn by their ids."""
    drawn = sorted(range(len(joined)), key=lambda index: derive_seed(0, "pretrain_valid", joined[index][0].utterance))
    chosen = set(drawn[: max(1, round(share * len(joined)))])
    sides = [[part for index, part in enumerate(joined) if (index in chosen) == valid] for valid in (False, True)]
    return sides[0], sides[1]


def describe(joined: Sequence[list[Recording]]) -> KaldiDir:
    """One utterance for each, called by its speaker, its first recording and their number."""
    names = [f"{part[0].speaker}-{part[0].utterance}-{len(part)}" for part in joined]
    return KaldiDir(
        wavs={name: JOINT.join(recording.path for recording in part) for name, part in zip(names, joined, strict=True)},
        utt2spk={name: part[0].speaker for name, part in zip(names, joined, strict=True)},
    )
