"""A comparison with several tasks: every arm is trained and scored for each, say by phones and by words.

    tasks:                          # name of a rate -> how it is come by
      PER: {test_set: test_phn, score: ter}
      WER: {test_set: test, options: {train_set: train, valid_set: dev, test_sets: test, token_type: char}}

`score` is wer (the default), cer or ter; `options` are run.sh's, between those of all arms and those of an arm. The arm
`base` becomes the arms `base_PER` and `base_WER`. Written are the table and figure of each task (COMPARISON_PER.md,
comparison_PER.png) and COMPARISON.md (overview.py): a row an arm with all rates, losses, parameters and time.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_bljust.errors import InputError

if TYPE_CHECKING:
    from espnet_bljust.comparison.description import Description

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
