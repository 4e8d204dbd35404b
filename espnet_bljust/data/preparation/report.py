"""Stage 6 in numbers: what the sets hold, what is wrong with them, and what they share.

A clipped utterance has at least 10 samples at full scale; a silent one has a root mean square below -60 dBFS.
Duplicates are utterances of equal audio, without the first of each group; everything is read from the tables of stages
3 and 4, no audio is decoded. What is counted or compared is in memory as 64-bit hashes (distinct.py): some 50 bytes an
utterance in all.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.preparation.formatted_set import FormattedSet
from espnet_bljust.data.preparation.text_outliers import TextOutlier, TextRates
from espnet_bljust.data.text.tokens import Tokenizer
from espnet_bljust.disk.distinct import Distinct
from espnet_bljust.markdown import table

CLIPPED_SAMPLES = 10
SILENT_RMS = 32768 * 10 ** (-60 / 20)
PERCENTILES = (0, 5, 50, 95, 100)
FAULTS = {"clipped": 1, "silent": 2, "duplicate": 4}  # bits
MOST_WORDS = 1 << 20  # looked up at a time


@dataclass
class Words:
    """Text of a set as it passes."""

    known: Distinct | None  # words of the first set; None for that set itself
    characters: Counter[str] = field(default_factory=Counter)
    distinct: Distinct = field(default_factory=Distinct)
    sentences: Distinct = field(default_factory=Distinct)
    total: int = 0
    out_of_vocabulary: int = 0
    tokens: int = 0
    unknown: int = 0
    waiting: array = field(default_factory=lambda: array("q"))  # hashes of words to look up in ``known``

    def add(self, text: str, tokenizer: Tokenizer) -> None:
        self.characters.update(text)
        self.sentences.add(text)
        for word in text.split():
            self.total += 1
            self.distinct.add(word)
            if self.known is not None:
                self.waiting.append(hash(word))
        ids = tokenizer.encode(text)
        self.tokens += len(ids)
        self.unknown += ids.count(tokenizer.unknown)
        if len(self.waiting) > MOST_WORDS:
            self.look_up()

    def look_up(self) -> None:
        if self.known is not None and self.waiting:
            self.out_of_vocabulary += self.known.missing(np.frombuffer(self.waiting, np.int64))
            self.waiting = array("q")

    def numbers(self, seconds: float) -> dict:
        """Characters, words and tokens; OOV words are those that the first set's text does not hold."""
        self.look_up()
        return {
            "characters": dict(sorted(self.characters.items(), key=lambda item: (-item[1], item[0]))),
            "words": self.total,
            "distinct_words": len(self.distinct),
            "oov_words": self.out_of_vocabulary,
            "tokens": self.tokens,
            "unknown_tokens": self.unknown,
            "tokens_per_second": self.tokens / seconds,
            "distinct_sentences": len(self.sentences),
        }


class SetReport:
    """One set, walked once."""

    def __init__(self, data: FormattedSet, tokenizer: Tokenizer, rate: int, known: Distinct | None) -> None:
        self.data, self.rate = data, rate
        self.words = Words(known) if data.has_text else None
        self.rates = TextRates()
        self.speakers, self.ids, self.audio = Distinct(), Distinct(), Distinct()
        samples, faults, hashes = array("q"), bytearray(), array("q")
        for utterance in data:
            samples.append(utterance.num_samples)
            faults.append(_faults(utterance))
            self.speakers.add(utterance.speaker)
            self.ids.add(utterance.name)
            if utterance.hash:
                self.audio.add(utterance.hash)
                hashes.append(hash(utterance.hash))
            if self.words and utterance.text is not None:
                self.words.add(utterance.text, tokenizer)
                self.rates.add(utterance.text, utterance.num_samples / rate)
        self.seconds = np.frombuffer(samples, np.int64) / rate  # (utterance,)
        self.faults = np.frombuffer(faults, np.uint8)  # (utterance,) sums of FAULTS
        if hashes:
            first = np.unique(np.frombuffer(hashes, np.int64), return_index=True)[1]
            self.faults[np.delete(np.arange(len(hashes)), first)] |= FAULTS["duplicate"]

    def numbers(self) -> dict:
        """Amounts, lengths, text and how many utterances have each fault."""
        percentiles = np.percentile(self.seconds, PERCENTILES).tolist()
        numbers = {
            "utterances": len(self.seconds),
            "hours": float(self.seconds.sum()) / 3600,
            "speakers": len(self.speakers),
            "seconds_percentiles": dict(zip(map(str, PERCENTILES), percentiles, strict=True)),
            "faults": {fault: int((self.faults & bit > 0).sum()) for fault, bit in FAULTS.items()},
        }
        if self.words:
            numbers |= self.words.numbers(float(self.seconds.sum()))
            numbers["text_outliers"] = sum(1 for _ in self.rates.outliers())
        return numbers

    def text_outliers(self) -> Iterator[tuple[TextOutlier, str, str]]:
        """Those of text_outliers.py, with utterance and transcript."""
        due = {outlier.place: outlier for outlier in self.rates.outliers()}
        if due:
            for place, (_, name, text) in enumerate(walk_table(Path(self.data.path) / "text", [], allow_empty=True)):
                if place in due:
                    yield due[place], name, text

    def offenders(self) -> Iterator[tuple[str, str]]:
        """Fault and utterance, for all that have one."""
        for fault, bit in FAULTS.items():
            if (self.faults & bit).any():
                names = (name for _, name, _ in walk_table(Path(self.data.path) / "wav.scp", []))
                yield from ((fault, name) for name, bits in zip(names, self.faults, strict=True) if bits & bit)


def _faults(utterance: Utterance) -> int:
    if not utterance.level:
        return 0
    _, rms, clipped = utterance.level.split()
    return FAULTS["clipped"] * (int(clipped) >= CLIPPED_SAMPLES) + FAULTS["silent"] * (float(rms) < SILENT_RMS)


def read_reports(sets: Sequence[FormattedSet], tokenizer: Tokenizer, rate: int) -> list[SetReport]:
    """Every set walked; the first one's words are those that are known."""
    reports: list[SetReport] = []
    for data in sets:
        first = reports[0].words if reports else None
        known = None if not reports else first.distinct if first else Distinct()
        reports.append(SetReport(data, tokenizer, rate, known))
    return reports


def report(sets: Sequence[SetReport], tokenizer: Tokenizer, rate: int) -> dict:
    """Numbers of every set and of every pair; plain data, ready for JSON."""
    return {
        "rate": rate,
        "vocabulary_size": len(tokenizer.vocabulary),
        "sets": {one.data.name: one.numbers() for one in sets},
        "overlaps": [overlap(first, second) for first, second in combinations(sets, 2)],
    }


def overlap(first: SetReport, second: SetReport) -> dict:
    """What two sets share, counted in distinct speakers, sentences, ids and audio contents; None where one has none."""

    def shared(left: Distinct | None, right: Distinct | None) -> int | None:
        return left.shared(right) if left and right else None

    return {
        "sets": [first.data.name, second.data.name],
        "speakers": shared(first.speakers, second.speakers),
        "sentences": shared(first.words and first.words.sentences, second.words and second.words.sentences),
        "ids": shared(first.ids, second.ids),
        "audio": shared(first.audio, second.audio),
    }


def markdown(numbers: dict, pictures: list[str]) -> str:
    """Tables of report.report()'s numbers, with the pictures (file names) behind them."""
    parts = [
        "# Data report",
        "",
        *_sets(numbers["sets"]),
        "",
        *_texts(numbers["sets"]),
        "",
        *_overlaps(numbers["overlaps"]),
    ]
    parts += ["", f"Vocabulary: {numbers['vocabulary_size']} tokens; sampling rate: {numbers['rate']} Hz.", ""]
    parts += [line for name in pictures for line in (f"![{name.removesuffix('.png')}]({name})", "")]
    return "\n".join(parts)


def _table(head: list[str], rows: list[list[object]]) -> list[str]:
    """The first column to the left, the others to the right."""
    return table(head, rows, align="l" + "r" * (len(head) - 1))


def _sets(sets: dict) -> list[str]:
    head = ["set", "utterances", "hours", "speakers", "shortest s", "5 %", "median", "95 %", "longest s"]
    head += ["clipped", "silent", "duplicate"]
    rows = []
    for name, row in sets.items():
        lengths = [f"{value:.2f}" for value in row["seconds_percentiles"].values()]
        faults = row["faults"].values()
        rows.append([name, row["utterances"], f"{row['hours']:.2f}", row["speakers"], *lengths, *faults])
    return ["## Audio", "", *_table(head, rows), "", "The utterances counted as faulty: `offenders.txt`."]


def _texts(sets: dict) -> list[str]:
    head = ["set", "words", "distinct", "OOV words", "tokens", "unknown tokens", "tokens/s", "distinct sentences",
            "outliers"]
    rows = []
    for name, row in sets.items():
        if "words" in row:
            oov = f"{row['oov_words']} ({row['oov_words'] / max(row['words'], 1):.2%})"
            unknown = f"{row['unknown_tokens']} ({row['unknown_tokens'] / max(row['tokens'], 1):.2%})"
            counts = [row["words"], row["distinct_words"], oov, row["tokens"], unknown]
            rows.append([name, *counts, f"{row['tokens_per_second']:.1f}", row["distinct_sentences"],
                         row["text_outliers"]])
    return ["## Text", "", "OOV words are those that the first set's text does not hold. Outliers have far more or "
            "fewer characters a second than their set (robust z beyond 3.5), and may have another's transcript: "
            "`text_outliers.txt`.", "",
            *_table(head, rows)]


def _overlaps(overlaps: list[dict]) -> list[str]:
    head = ["sets", "speakers", "sentences", "ids", "audio"]
    rows = [[" and ".join(row["sets"]), *("-" if row[key] is None else row[key] for key in head[1:])]
            for row in overlaps]  # fmt: skip
    return ["## Shared between sets", "", *_table(head, rows)]
