"""One class an utterance: how often each class was heard as which, and the rates made from it.

    accuracy = utterances heard right / utterances      recall of a class = its utterances heard right / its utterances
    unweighted average recall = mean of the recalls, so that rare classes count as much as common ones
Source: Schuller et al., Interspeech 2009 (emotion challenge), for the unweighted average recall.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.markdown import table

RESULT = "confusion.json"
NOTHING = "-"  # what a hypothesis without a word stands under


class Confusion(NamedTuple):
    """Counts by class of the reference (row) and of the hypothesis (column)."""

    classes: list[str]
    counts: np.ndarray  # (class, class) int64

    @property
    def utterances(self) -> int:
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """A fraction."""
        return float(np.trace(self.counts) / self.counts.sum())

    def recalls(self) -> dict[str, float]:
        """Of the classes that the references hold, fractions."""
        rows = self.counts.sum(1)
        return {name: float(self.counts[index, index] / rows[index])
                for index, name in enumerate(self.classes) if rows[index]}

    @property
    def average_recall(self) -> float:
        """Unweighted, a fraction."""
        return float(np.mean(list(self.recalls().values())))

    def line(self) -> str:
        """Both rates in per cent."""
        return (f"accuracy {100 * self.accuracy:.1f} %, unweighted average recall {100 * self.average_recall:.1f} % "
                f"({self.utterances} utterances)")


def count(references: Mapping[str, str], hypotheses: Mapping[str, str]) -> Confusion:
    """Both by utterance, the same ones."""
    said = {utterance: text or NOTHING for utterance, text in hypotheses.items()}
    classes = sorted({*references.values(), *said.values()})
    place = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for utterance, reference in references.items():
        counts[place[reference], place[said[utterance]]] += 1
    return Confusion(classes, counts)


def add(parts: Iterable[Confusion]) -> Confusion:
    """The counts of several sets together."""
    parts = list(parts)
    classes = sorted({name for part in parts for name in part.classes})
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for part in parts:
        places = [classes.index(name) for name in part.classes]
        counts[np.ix_(places, places)] += part.counts
    return Confusion(classes, counts)


def write_confusion(path: Path, confusion: Confusion) -> None:
    """JSON, with the rates for readers."""
    content = {"classes": confusion.classes, "counts": confusion.counts.tolist(), "accuracy": confusion.accuracy,
               "unweighted_average_recall": confusion.average_recall, "recalls": confusion.recalls()}
    write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_confusion(path: Path) -> Confusion:
    """What `write_confusion` wrote."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Confusion(content["classes"], np.array(content["counts"], np.int64))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no counts of classes ({error}). Run stage 13 again.") from None


def markdown_table(confusions: Mapping[str, Confusion]) -> str:
    """Rates of several sets, and the recall of every class, in per cent."""
    classes = add(confusions.values()).classes
    rows = []
    for dataset, confusion in confusions.items():
        recalls = confusion.recalls()
        cells = [f"{100 * recalls[name]:.1f}" if name in recalls else "" for name in classes]
        rates = [f"{100 * confusion.accuracy:.1f}", f"{100 * confusion.average_recall:.1f}"]
        rows.append([dataset, confusion.utterances, *rates, *cells])
    heads = ["dataset", "Snt", "Accuracy", "UAR", *classes]
    return "\n".join(["### Classes", "", *table(heads, rows, pad=""), ""])
