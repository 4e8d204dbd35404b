"""What a longer pre-training is worth: one pre-training, fine-tuning from its weights after so many updates each.

The description has `pretraining` (options of run.sh for stages 7 and 8) in the place of arms; its options are those of
the fine-tuning. compare.sh --pretrain_updates "50k 100k" makes the arms. The table: error rates by updates, and beside
them the self-supervised loss that the pre-training had then on its validation set.
"""

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.markdown import table
from espnet_bljust.scoring.history import read_history
from espnet_bljust.scoring.sclite_result import read_counts

if TYPE_CHECKING:
    from espnet_bljust.comparison.description import Description
    from espnet_bljust.comparison.runs import Job

TAG = "pretraining"  # name of its experiment


def read_updates(text: str) -> dict[str, int]:
    """``"50k 376000"`` -> label and number of optimizer steps, ascending."""
    steps = {}
    for word in text.split():
        match = re.fullmatch(r"(\d+)(k?)", word)
        if not match or int(match[1]) == 0:
            raise InputError(f"--pretrain_updates {word}: not a number of updates. Write '50k 100000', say.")
        steps[word] = int(match[1]) * (1000 if match[2] else 1)
    return dict(sorted(steps.items(), key=lambda pair: pair[1]))


def weights(folder: Path, step: int) -> Path:
    """What the trainer keeps after ``step`` updates (keep_updates); ``folder``: of the comparison."""
    return folder / TAG / f"{step}updates.pth"


def with_arms(path: Path, content: Mapping[str, Any], pretrain_updates: str, expdir: Path) -> dict[str, Any]:
    """What the description ``path`` holds, with an arm for each of --pretrain_updates."""
    if "pretraining" not in content:
        raise InputError(f"{path}: --pretrain_updates wants `pretraining` in it, options of run.sh. "
                         "egs2/aishell/bljust/conf/compare_updates.yaml is one.")
    if not pretrain_updates.split():
        raise InputError(f"{path}: it fine-tunes from a pre-training's weights. Say from which: "
                         "--pretrain_updates '50k 100k'.")
    if both := sorted({"arms", "reference", "folds"} & set(content)):
        raise InputError(f"{path}: {both[0]} beside pretraining, whose arms are made. Leave {both[0]} out.")
    steps, folder = read_updates(pretrain_updates), expdir / str(content.get("name"))
    arms = {label: {"init_from": weights(folder, step)} for label, step in steps.items()}
    return {**content, "arms": arms, "reference": list(arms)[-1]}


def pretraining_options(description: "Description", expdir: Path) -> dict[str, Any]:
    """Options of the pre-training, which keeps what is asked for; none where all of that is there."""
    steps, values = list(description.updates.values()), description.pretraining
    if all(weights(expdir / description.name, step).is_file() for step in steps):
        return {}
    return {**values, "asr_args": f"{values.get('asr_args', '')} keep_updates={steps}".replace(", ", ",").strip()}


def report(description: "Description", jobs: Sequence["Job"], expdir: Path) -> None:
    """COMPARISON.md and comparison.json of the updates that every seed has; what is missing is named."""
    folder, decoding = expdir / description.name, description.decoding
    scores = Path(decoding, description.test_set, "score_cer", "result.txt")
    missing = [job for job in jobs if not (folder / job.tag / scores).is_file()]
    rows = []
    for label, step in description.updates.items():
        mine = [folder / job.tag / decoding for job in jobs if job.arm == label and job not in missing]
        if len(mine) == len(description.seeds):
            rows.append({"updates": step, **validation(folder / TAG, step), "cer": error_rates(mine)})
    if not rows:
        raise InputError(f"{folder}: no number of updates has all seeds, {missing[0].tag} is missing. "
                         "Run compare.sh to the end.")
    text = markdown(description, rows, [job.tag for job in missing])
    write_atomic(folder / "COMPARISON.md", text)
    write_atomic(folder / "comparison.json", json.dumps(rows, indent=1) + "\n")
    print(text)
    print(f"{folder}/COMPARISON.md: fine-tuned from {len(rows)} checkpoints of {folder / TAG}")


def validation(exp_dir: Path, step: int) -> dict[str, float | None]:
    """The self-supervised loss (nats per masked frame) and its accuracy (a fraction) after ``step`` updates."""
    found = [row for row in read_history(exp_dir / "history.jsonl").valid if row["step"] == step]
    row = found[0] if found else {}
    return {name: row.get(name) for name in ("contrastive", "ssl_accuracy")}


def error_rates(decodings: list[Path]) -> dict[str, float]:
    """Set -> CER as a fraction, mean over runs, of the sets that all runs have."""
    sets = [{path.parents[1].name for path in folder.glob("*/score_cer/result.txt")} for folder in decodings]
    return {name: statistics.fmean(read_counts(folder / name / "score_cer" / "result.txt").error_rate
                                   for folder in decodings) for name in sorted(set.intersection(*sets))}


def markdown(description: "Description", rows: list[dict], missing: list[str]) -> str:
    """The table with what is needed to read it."""
    sets = list(rows[0]["cer"])
    lines = [
        f"# {description.name}", "",
        "CER after fine-tuning from the weights that one pre-training had after so many updates, mean over seeds "
        f"{', '.join(map(str, description.seeds))}; beside it the contrastive loss (nats per masked frame) and the "
        "contrastive accuracy that the pre-training had then on its validation set.", "",
    ]  # fmt: skip
    cells = []
    for row in rows:
        loss = "-" if row["contrastive"] is None else f"{row['contrastive']:.3f}"
        accuracy = "-" if row["ssl_accuracy"] is None else f"{100 * row['ssl_accuracy']:.1f}"
        cells.append([f"{row['updates']:,}", loss, accuracy, *(f"{100 * row['cer'][name]:.2f}" for name in sets)])
    lines += table(["updates", "contrastive loss", "accuracy %", *(f"CER % {name}" for name in sets)], cells)
    return "\n".join([*lines, "", *([f"Not there yet: {', '.join(missing)}.", ""] if missing else [])])
