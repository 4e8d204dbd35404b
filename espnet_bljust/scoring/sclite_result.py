"""result.txt: sclite's report in its own layout, so that scripts that grep it go on working.

Percentages and counts by speaker, their sum, then every utterance aligned; words that are wrong stand in capitals.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.errors import InputError
from espnet_bljust.scoring.alignment import align, fold_case
from espnet_bljust.scoring.counts import Counts, count_alignment, total
from espnet_bljust.scoring.trn import trn_id

HEADER = ["Corr", "Sub", "Del", "Ins", "Err", "S.Err"]


class Scored(NamedTuple):
    """One utterance: its id in the trn files, its speaker, both sides and the letters of alignment.py."""

    name: str
    speaker: str
    reference: Sequence[str]
    hypothesis: Sequence[str]
    alignment: str


def score_units(
    references: Mapping[str, Sequence[str]], hypotheses: Mapping[str, Sequence[str]], speakers: Mapping[str, str]
) -> list[Scored]:
    """Align every utterance of ``references`` with its namesake."""
    heard = [hypotheses[utterance] for utterance in references]
    alignments = align(list(references.values()), heard)
    return [
        Scored(trn_id(utterance, speakers), speakers.get(utterance, utterance), said, words, alignment)
        for (utterance, said), words, alignment in zip(references.items(), heard, alignments, strict=True)
    ]


def result_text(scored: list[Scored]) -> str:
    """The whole report."""
    by_speaker: dict[str, list[Counts]] = {}
    for one in scored:
        by_speaker.setdefault(one.speaker, []).append(count_alignment(one.alignment))
    rows = [(speaker, total(counts)) for speaker, counts in sorted(by_speaker.items())]
    summed = total(counts for _, counts in rows)
    parts = [
        "SYSTEM SUMMARY PERCENTAGES by SPEAKER\n\n",
        _table([*rows, ("Sum/Avg", summed)], lambda counts: [f"{value:.1f}" for value in counts.percentages()]),
        "\n\nSYSTEM SUMMARY COUNTS by SPEAKER\n\n",
        _table([*rows, ("Sum", summed)], _raw),
        "\n\n\t\tDUMP OF SYSTEM ALIGNMENT STRUCTURE\n\n",
        *(aligned_text(one) + "\n" for one in scored),
    ]
    return "".join(parts)


def aligned_text(one: Scored) -> str:
    """Reference above hypothesis in columns, with S, D or I under what is wrong."""
    columns = list(_columns(one))
    widths = [max(len(said), len(heard)) for said, heard, _ in columns]
    counts = count_alignment(one.alignment)
    scores = f"{counts.correct} {counts.substituted} {counts.deleted} {counts.inserted}"
    lines = [f"id: ({one.name})", f"Scores: (#C #S #D #I) {scores}"]
    for index, label in enumerate(("REF:  ", "HYP:  ", "Eval: ")):
        cells = [f"{column[index]:<{width}} " for column, width in zip(columns, widths, strict=True)]
        lines.append(label + "".join(cells))
    return "\n".join(lines) + "\n"


def read_counts(path: Path) -> Counts:
    """The sums of a result.txt, ours or sclite's own."""
    if not path.is_file():
        raise InputError(f"{path}: not scored yet. Run stages 12 (decode) and 13 (score) for this set.")
    rows = re.findall(r"^ *\| *Sum *\|([ \d]*)\|([ \d]*)\| *$", path.read_text(encoding="utf-8"), re.MULTILINE)
    numbers = [int(number) for number in " ".join(rows[-1]).split()] if rows else []
    if len(numbers) != 8:
        raise InputError(f"{path}: has no row of summed counts. Remove it, and run stage 13 again.")
    sentences, _, correct, substituted, deleted, inserted, _, wrong_sentences = numbers
    return Counts(sentences, correct, substituted, deleted, inserted, wrong_sentences)


def _columns(one: Scored) -> Iterable[tuple[str, str, str]]:
    reference, hypothesis = iter(one.reference), iter(one.hypothesis)
    for letter in one.alignment:
        said = next(reference) if letter != "I" else ""
        heard = next(hypothesis) if letter != "D" else ""
        if letter == "C":
            yield fold_case(said), fold_case(heard), ""
        else:
            yield _capitals(said) or "*" * len(heard), _capitals(heard) or "*" * len(said), letter


def _capitals(word: str) -> str:
    return word.encode().upper().decode()  # ASCII letters only, as fold_case


def _raw(counts: Counts) -> list[str]:
    return [str(number) for number in (*counts[1:5], counts.errors, counts.wrong_sentences)]


def _table(rows: list[tuple[str, Counts]], cells: Callable[[Counts], list[str]]) -> str:
    """A box with one line a row, the last set apart."""
    width = max(len("Sum/Avg"), *(len(name) for name, _ in rows))
    lines = [f"| {'SPKR':<{width}} |   # Snt    # Wrd |" + "".join(f"{name:>9}" for name in HEADER) + " |"]
    for name, counts in rows:
        numbers = "".join(f"{cell:>9}" for cell in cells(counts))
        lines.append(f"| {name:<{width}} | {counts.sentences:>7} {counts.words:>8} |{numbers} |")
    rule = "|" + "+".join("-" * len(part) for part in lines[0][1:-1].split("|")) + "|"
    border = "-" * (len(rule) - 2)
    body = [f",{border}.", lines[0], rule, *lines[1:-1], rule.replace("-", "="), lines[-1], f"`{border}'"]
    return "\n".join(body) + "\n"


def read_utterances(path: Path) -> dict[str, Counts]:
    """Counts of every utterance in a result.txt, ours or sclite's own."""
    text = path.read_text(encoding="utf-8")
    rows = re.findall(r"^id: \((.*)\)\nScores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)$", text, re.MULTILINE)
    if not rows:
        raise InputError(f"{path}: has no aligned utterance. Remove it, and run stage 13 again.")
    counts = {}
    for name, *numbers in rows:
        correct, *edits = map(int, numbers)
        counts[name] = Counts(1, correct, *edits, int(sum(edits) > 0))
    return counts
