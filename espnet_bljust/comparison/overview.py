"""Several error rates and what they cost in one table, a row an arm: sizes of a network by phones and words."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.comparison.arms import Arm
from espnet_bljust.comparison.description import Description
from espnet_bljust.comparison.runs import Job
from espnet_bljust.disk.files import write_atomic
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


def report(description: Description, jobs: Sequence[Job], expdir: Path, report_one: Callable) -> None:
    """Every task as a comparison of its own, then the table that joins them.

    report_one(description, jobs, rate=, score=, suffix=): writes the table of one and gives its arms.
    """
    folder, reference = expdir / description.name, description.reference
    first = next(iter(description.tasks))
    found, costs = {}, {}
    for task, given in description.tasks.items():
        arms = {arm: values for arm, values in description.arms.items() if arm.endswith(f"_{task}")}
        part = replace(description, arms=arms, reference=reference.removesuffix(f"_{first}") + f"_{task}",
                       test_set=given["test_set"])
        mine = [job for job in jobs if job.arm in arms]
        found[task] = report_one(part, mine, rate=task, score=given.get("score", "wer"), suffix=f"_{task}")
        for job in mine:
            if (folder / job.tag / "history.jsonl").is_file():
                by_task = costs.setdefault(job.arm.removesuffix(f"_{task}"), {})
                by_task.setdefault(task, []).append(cost_of(folder / job.tag))
    text = overview(found, costs, title=description.name)
    write_atomic(folder / "COMPARISON.md", text)
    print(f"\n{text}")
    print(f"{folder}/COMPARISON.md: {len(costs)} arms by {len(found)} tasks")


def cost_of(exp_dir: Path) -> Cost:
    """Parameters by train.yaml, losses by history.jsonl."""
    from espnet_bljust.planning.plan_report import Sizes  # brings torch, which --help goes without

    sizes = Sizes.of_experiment(exp_dir)
    return Cost(sizes.theta + sizes.phi + sizes.eta, *losses(exp_dir / "history.jsonl"))


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
