"""Utterances as a recipe finds them, in any order and number, into one sorted file with their words normalised.

`assemble.py` makes sets of it. A corpus of millions takes disk and no memory: what is kept is counted by speaker and
by character.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.segments import Segment, parse_segment, segment_value
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.text.normalise import damaged, normalise
from espnet_bljust.data.text.scripts import scripts_in
from espnet_bljust.disk.files import fresh_dir
from espnet_bljust.disk.sorting import BETWEEN, open_lines, record, sorted_lines

TEXT = "+"  # in front of a transcript: an empty one is not the same as none


class Spelling(NamedTuple):
    """How transcripts become training text."""

    language: str = "noinfo"
    policy: str = "plain"  # see normalise.py
    digits: str = "keep"  # reject: training utterances with digits or symbols go without their text
    scripts: frozenset[str] = frozenset()  # of the language, as in scripts.py; none: what is known or most are in


@dataclass
class Corpus:
    """What was gathered."""

    path: Path
    utterances: int = 0
    segmented: bool = False
    splits: set[str] = field(default_factory=set)  # of utterances with a transcript
    transcripts: int = 0
    speakers: Counter[str] = field(default_factory=Counter)  # speaker -> transcripts that may be dealt out
    characters: Counter[str] = field(default_factory=Counter)  # of the normalised transcripts
    scripts: Counter[str] = field(default_factory=Counter)  # script -> transcripts that hold a letter of it
    examples: dict[str, str] = field(default_factory=dict)  # character -> an utterance that has it

    def __iter__(self) -> Iterator[Utterance]:
        """The utterances, sorted, one in memory at a time; where some are segments, a whole recording is one, too."""
        with open_lines(self.path, "r") as file:
            for line in file:
                name, speaker, audio, split, value, text, words = line[:-1].split(BETWEEN)
                segment = None
                if self.segmented:
                    segment = parse_segment(value) if value else Segment(name, 0.0, None)
                    assert isinstance(segment, Segment)
                yield Utterance(name, speaker, audio, text.removeprefix(TEXT) if text else None, split, segment,
                                words=words)

    def remove(self) -> None:
        self.path.unlink()
        with suppress(OSError):
            self.path.parent.rmdir()


def gather(utterances: Iterable[Utterance], spelling: Spelling, folder: Path, problems: list[str]) -> Corpus:
    """All ``utterances`` in a file in ``folder``; of those that come with an id twice, the first, and a problem.

    A transcript that holds what stands for a lost character is a problem, too, and its audio comes without text.
    """
    fresh_dir(folder)
    corpus = Corpus(folder / "corpus")
    lines = (_line(number, _undamaged(entry, problems), spelling) for number, entry in enumerate(utterances))
    last, first = "", ""  # id and audio of the line before
    with open_lines(corpus.path, "w") as file:
        for line in sorted_lines(lines, folder):
            utterance, _, where, rest = line.split(BETWEEN, 3)
            audio = rest.split(BETWEEN, 2)[1]
            if utterance == last:
                same = "is listed already" if audio == first else f"has the id of {first}"
                problems.append(f"{where or audio}: {Path(audio).name} {same}. Drop or rename one of them.")
                continue
            last, first = utterance, audio
            file.write(record(utterance, *rest.split(BETWEEN)) + "\n")
            _count(corpus, utterance, rest.split(BETWEEN))
    return corpus


def _undamaged(utterance: Utterance, problems: list[str]) -> Utterance:
    lost = damaged(utterance.text or "")
    if not lost:
        return utterance
    problems.append(damage(utterance.where or utterance.audio, lost))
    return utterance._replace(text=None)


def damage(where: str, lost: str) -> str:
    """The problem of a transcript in which ``lost`` stands for other characters."""
    return f"{where}: {lost} in the transcript: a character was lost. Convert the text from its first encoding again."


def _line(number: int, utterance: Utterance, spelling: Spelling) -> str:
    text = words = ""
    if utterance.text is not None:
        text = TEXT + " ".join(utterance.text.split())
        words = normalise(utterance.text, spelling.language, spelling.policy)
    segment = segment_value(utterance.segment) if utterance.segment else ""
    return record(utterance.name, f"{number:012d}", utterance.where, utterance.speaker, utterance.audio,
                  utterance.split, segment, text, words)  # fmt: skip


def _count(corpus: Corpus, utterance: str, fields: list[str]) -> None:
    speaker, _, split, segment, text, words = fields
    corpus.utterances += 1
    corpus.segmented |= bool(segment)
    if text:
        corpus.transcripts += 1
        corpus.splits.update([split] if split else [])
        corpus.speakers.update([speaker] if split in ("", "train") else [])
        corpus.characters.update(words)
        corpus.scripts.update(scripts_in(words))
        for character in set(words) - corpus.examples.keys():
            corpus.examples[character] = utterance
