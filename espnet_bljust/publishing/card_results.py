"""What was measured of a model, for its card: a table for readers, and EvalResults for the hub's `model-index`.

Source of the index: https://huggingface.co/docs/hub/model-cards#evaluation-results.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import EvalResult

from espnet_bljust.markdown import table
from espnet_bljust.scoring.confusion import RESULT, Confusion, markdown_table, read_confusion
from espnet_bljust.scoring.counts import Counts
from espnet_bljust.scoring.measured_with import read_scored
from espnet_bljust.scoring.results import rate_names, read_results, scored_datasets
from espnet_bljust.scoring.sclite_result import read_utterances
from espnet_bljust.scoring.significance import rate_interval


class Measured(NamedTuple):
    """All that was scored of one file of weights, by dataset ("decode_greedy/test")."""

    rates: dict[str, str]  # kind of score -> its name; token error rates are told of phones alone
    counts: dict[str, dict[str, Counts]]  # dataset -> kind -> counts
    intervals: dict[str, dict[str, tuple[float, float]]]  # dataset -> kind -> 95 % interval of the rate
    classes: dict[str, Confusion]  # of the datasets that were classified

    @classmethod
    def read(cls, exp_dir: Path, token_type: str, weights: str) -> "Measured":
        """Stage 13's files in the experiment's folder; ``weights``: digest of those that the rates must be of."""
        rates = {kind: name for kind, name in rate_names(token_type).items() if name != "TER"}
        counts = read_results(exp_dir, measured_of(exp_dir, weights))
        intervals = {dataset: {kind: _interval(exp_dir / dataset / f"score_{kind}") for kind in rates}
                     for dataset in counts}
        confusions = {dataset: exp_dir / dataset / "score_class" / RESULT for dataset in counts}
        return cls(rates, counts, intervals,
                   {dataset: read_confusion(path) for dataset, path in confusions.items() if path.is_file()})


def measured_of(exp_dir: Path, weights: str) -> list[str]:
    """The datasets that were scored with the weights of this digest, against references that are still the same."""
    records = {dataset: read_scored(exp_dir / dataset) for dataset in scored_datasets(exp_dir)}
    return [dataset for dataset, record in records.items()
            if record.weights and record.weights.sha256 == weights and not record.odd(exp_dir / dataset, exp_dir)]


def _interval(folder: Path) -> tuple[float, float]:
    utterances = read_utterances(folder / "result.txt").values()
    return rate_interval([one.errors for one in utterances], [one.words for one in utterances])


def results_table(measured: Measured) -> str:
    """Markdown: rates with their intervals, and what is told of classes."""
    if not measured.counts:
        return "Not measured with these weights."
    rows = []
    for dataset, counts in measured.counts.items():
        cells = []
        for kind, (low, high) in measured.intervals[dataset].items():
            cells.append(f"{100 * counts[kind].error_rate:.1f} ({100 * low:.1f} to {100 * high:.1f})")
        rows.append([dataset, next(iter(counts.values())).sentences, *cells])
    text = "\n".join(table(["set", "utterances", *(f"{name} % (95 %)" for name in measured.rates.values())], rows))
    return f"{text}\n\n{markdown_table(measured.classes)}" if measured.classes else text


def evaluations(measured: Measured, task: str, corpora: list[str], valid_set: str | None) -> list[EvalResult]:
    """In per cent, of the datasets by which no checkpoint was chosen; ``task``: the hub's name."""
    return [
        EvalResult(task_type=task, dataset_type=" ".join(corpora), dataset_name=f"{', '.join(corpora)} {name}",
                   dataset_config=decoding, dataset_split=name, metric_type=metric, metric_name=title,
                   metric_value=round(100 * value, 2))
        for dataset in measured.counts
        for decoding, _, name in [dataset.partition("/")]
        if name != valid_set
        for metric, title, value in _metrics(measured, dataset)
    ]


def _metrics(measured: Measured, dataset: str) -> Iterator[tuple[str, str, float]]:
    """(the hub's metric, what we call it, its value)"""
    if dataset in measured.classes:
        yield "accuracy", "accuracy %", measured.classes[dataset].accuracy
        yield "recall", "unweighted average recall %", measured.classes[dataset].average_recall
    else:
        for kind, name in measured.rates.items():
            yield name.lower(), f"{name} %", measured.counts[dataset][kind].error_rate
