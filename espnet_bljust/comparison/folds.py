"""Cross-validation in a comparison: where the data of a fold lie, and the table over all folds of a classification."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.markdown import table
from espnet_bljust.scoring.confusion import RESULT, add, read_confusion
from espnet_bljust.scoring.confusion_figure import draw_confusion
from espnet_bljust.scoring.history import training_seconds

if TYPE_CHECKING:
    from espnet_bljust.comparison.description import Description
    from espnet_bljust.comparison.runs import Job

SETS = {"train_set": "train", "valid_set": "dev", "test_sets": "test"}  # as recipes of classifications name them


def options_of(values: Mapping[str, Any], fold: int) -> dict[str, Any]:
    """Options of run.sh in one fold: sets of its own by local/data.py, made once, and a token list of its own."""
    data_words = f"{values.get('local_data_opts', '')} --fold {fold} --suffix _fold{fold}".strip()
    sets = {option: f"{name}_fold{fold}" for option, name in SETS.items()}
    return {**values, **sets, "lang": f"fold{fold}", "local_data_opts": data_words}


def dumpdir(folder: Path, fold: int) -> Path:
    """Where a fold's formatted audio lies."""
    return folder / f"fold{fold}"


def report(description: "Description", jobs: Sequence["Job"], expdir: Path) -> None:
    """COMPARISON.md and a confusion matrix for every arm that all folds and seeds have; what is missing is named."""
    folder, decoded = expdir / description.name, f"{description.decoding}/{description.test_set}"
    paths = {job: folder / job.tag / f"{decoded}_fold{job.fold}" / "score_class" / RESULT for job in jobs}
    missing = [job for job in jobs if not paths[job].is_file()]
    rows = {}
    for arm in description.arms:
        mine = [job for job in jobs if job.arm == arm]
        if not set(mine) & set(missing):
            parts = [read_confusion(paths[job]) for job in mine]
            rows[arm] = row(parts, [folder / job.tag for job in mine])
            draw_confusion(add(parts), folder / f"confusion_{arm}.png", title=f"{arm}, all folds")
    if not rows:
        raise InputError(f"{folder}: no arm has all folds, {missing[0].tag} is missing. Run compare.sh to the end.")
    text = markdown(description, rows, [job.tag for job in missing])
    write_atomic(folder / "COMPARISON.md", text)
    write_atomic(folder / "comparison.json", json.dumps(rows, indent=1) + "\n")
    print(text)
    print(f"{folder}/COMPARISON.md: {len(rows)} arms, {description.folds} folds")


def row(parts: Sequence[Any], exp_dirs: list[Path]) -> dict:
    """Rates of all test utterances of all folds together, their deviation over runs, size and time."""
    whole = add(parts)
    from espnet_bljust.planning.plan_report import Sizes  # brings torch, which --help goes without

    sizes = Sizes.of_experiment(exp_dirs[0])
    return {
        "parameters": sizes.theta + sizes.phi, "utterances": whole.utterances, "accuracy": whole.accuracy,
        "average_recall": whole.average_recall,
        "deviation": statistics.stdev(part.accuracy for part in parts),
        "seconds": statistics.fmean(training_seconds(path / "history.jsonl") for path in exp_dirs),
    }


def markdown(description: "Description", rows: dict[str, dict], missing: list[str]) -> str:
    """The table with what is needed to read it."""
    lines = [
        f"# {description.name}", "",
        f"Accuracy and unweighted average recall (UAR) on {description.test_set}, all {description.folds} folds "
        f"and seeds {', '.join(map(str, description.seeds))} together; ±: deviation of the accuracy over runs. "
        "Parameters: trunk and class head. Minutes: optimizer steps of one run.", "",
    ]  # fmt: skip
    lines += table(["arm", "parameters", "utterances", "accuracy %", "UAR %", "minutes"], (
        [arm, f"{values['parameters']:,}", values["utterances"],
         f"{100 * values['accuracy']:.1f} ± {100 * values['deviation']:.1f}",
         f"{100 * values['average_recall']:.1f}", f"{values['seconds'] / 60:.1f}"]
        for arm, values in rows.items()))  # fmt: skip
    return "\n".join([*lines, "", *([f"Not there yet: {', '.join(missing)}.", ""] if missing else [])])
