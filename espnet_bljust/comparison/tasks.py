"""A comparison with several tasks: every arm is trained and scored for each, say by phones and by words.

    tasks:                          # name of a rate -> how it is come by
      PER: {test_set: test_phn, score: ter}
      WER: {test_set: test, options: {train_set: train, valid_set: dev, test_sets: test, token_type: char}}

`score` is wer (the default), cer or ter; `options` are run.sh's, between those of all arms and those of an arm. The arm
`base` becomes the arms `base_PER` and `base_WER`. Written are the table and figure of each task (COMPARISON_PER.md,
comparison_PER.png) and COMPARISON.md: a row an arm with all rates, losses, parameters and time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from espnet_bljust.errors import InputError

if TYPE_CHECKING:
    from espnet_bljust.comparison.description import Description
    from espnet_bljust.comparison.runs import Job

TASK_KEYS = {"test_set", "score", "options"}
SCORES = ("wer", "cer", "ter")


def expand(path: Path, description: "Description") -> "Description":
    """With an arm for every arm and task."""
    tasks, arms = description.tasks, description.arms
    if description.test_set:
        raise InputError(f"{path}: both test_set and tasks. Each task has a test_set of its own: remove the other.")
    if not isinstance(tasks, dict) or not tasks:
        raise InputError(f"{path}: tasks is {tasks!r}, not names with keys. Write WER: {{test_set: test}}, say.")
    for name, task in tasks.items():
        known = isinstance(task, dict) and set(task) <= TASK_KEYS and task.get("score", "wer") in SCORES
        if not known or "test_set" not in task:
            raise InputError(f"{path}: task {name} is {task!r}. It has a test_set and, if wanted, options and a score, "
                             f"one of {', '.join(SCORES)}.")
    first = next(iter(tasks))
    expanded = {f"{arm}_{task}": joined(tasks[task].get("options"), arms[arm]) for arm in arms for task in tasks}
    return replace(description, arms=expanded, reference=f"{description.reference}_{first}",
                   test_set=tasks[first]["test_set"])


def joined(*parts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Options of several parts, later ones win; asr_args of all of them."""
    options = {name: value for part in parts for name, value in (part or {}).items()}
    words = " ".join(str(part["asr_args"]) for part in parts if part and "asr_args" in part)
    return {**options, **({"asr_args": words} if words else {})}


def data_options(description: "Description") -> list[dict[str, Any]]:
    """Options of stages 1 to 6, once for each task."""
    tasks = description.tasks or {"": {}}
    return [joined(description.options, task.get("options")) for task in tasks.values()]


def report(description: "Description", jobs: Sequence["Job"], expdir: Path, report_one: Callable) -> None:
    """Every task as a comparison of its own, then the table that joins them.

    report_one(description, jobs, rate=, score=, suffix=): writes the table of one and gives its arms.
    """
    from espnet_bljust.comparison.overview import overview
    from espnet_bljust.disk.files import write_atomic

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


def cost_of(exp_dir: Path) -> NamedTuple:
    """Parameters by train.yaml, losses by history.jsonl."""
    from espnet_bljust.comparison.overview import Cost, losses
    from espnet_bljust.disk.settings_file import read_yaml_keys
    from espnet_bljust.planning.report import Sizes

    sizes = Sizes.of(read_yaml_keys(exp_dir / "train.yaml"))
    return Cost(sizes.theta + sizes.phi + sizes.eta, *losses(exp_dir / "history.jsonl"))
