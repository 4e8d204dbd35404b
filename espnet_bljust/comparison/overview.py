"""Several error rates and what they cost in one table, a row an arm: sizes of a network by phones and words."""

import math
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.comparison.arms import Arm
from espnet_bljust.markdown import table
from espnet_bljust.scoring.history import column, read_history


class Cost(NamedTuple):
    """What one run was and how it learned."""

    parameters: int  # trunk and both heads
    contrastive: float  # nats a masked frame on dev, when exploration ended; NaN without exploration
    ctc: float  # nats an utterance on dev, when training ended


def losses(history: Path) -> tuple[float, float]:
    """Contrastive and CTC loss of a run's history.jsonl, as in Cost."""
    rows = read_history(history).valid
    explored = [row for row in rows if row.get("phase") == "exploration"]
    pairs = ((explored, "contrastive"), (rows, "ctc"))
    contrastive, ctc = (float(column(part[-1:], name)[0]) if part else math.nan for part, name in pairs)
    return contrastive, ctc


def overview(tasks: Mapping[str, list[Arm]], costs: Mapping[str, Mapping[str, list[Cost]]], *, title: str) -> str:
    """Markdown; ``costs``: arm -> task -> a cost a seed. Means over seeds, and over tasks where there is one column."""
    heads = ["arm", *(f"{task} %" for task in tasks), "contrastive loss", *(f"CTC loss, {task}" for task in tasks),
             "parameters, M", "minutes"]
    lines = [
        f"# {title}", "",
        "Losses on dev: contrastive in nats a masked frame when exploration ended, CTC in nats an utterance when "
        "training ended. Minutes: optimizer steps of one run, the mean over tasks.", "",
    ]  # fmt: skip
    rows = []
    for place, (name, by_task) in enumerate(costs.items()):
        every = [cost for some in by_task.values() for cost in some]
        rows.append([
            name, *(f"{100 * arms[place].mean:.2f}" for arms in tasks.values()),
            _loss(cost.contrastive for cost in every), *(_loss(cost.ctc for cost in by_task[task]) for task in tasks),
            f"{statistics.fmean(cost.parameters for cost in every) / 1e6:.2f}",
            f"{statistics.fmean(arms[place].seconds for arms in tasks.values()) / 60:.1f}"])  # fmt: skip
    return "\n".join([*lines, *table(heads, rows), ""])


def _loss(values: Iterable[float]) -> str:
    mean = statistics.fmean(values)
    return "-" if math.isnan(mean) else f"{mean:.3f}"
