"""One comparison, as local/compare.sh runs it: arms x seeds of a description, each through run.sh in this folder.

The description (YAML) holds `name`, `seeds`, `test_set`, `reference` (an arm), `arms` (name -> options of run.sh) and,
if wanted, `options` of run.sh for all arms. asr_args of both are joined. Every arm has the data of stages 1 to 6, made
once with the first seed; run.sh itself says of each stage of a run whether it is up to date.
In the place of `test_set`, `tasks` (name of a rate -> `test_set`, `score` wer, cer or ter, `options`) trains and scores
every arm for each of them: one row an arm with all rates, losses, parameters and time, then the table of each task.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import yaml

from espnet_bljust.bin.command import run
from espnet_bljust.errors import InputError

REQUIRED = {"name", "seeds", "reference", "arms"}
KEYS = REQUIRED | {"test_set", "tasks", "options"}
TASK_KEYS = {"test_set", "score", "options"}
SCORES = ("wer", "cer", "ter")
LAST_DATA_STAGE = 6
OURS = ("seed", "asr_tag", "expdir", "stage", "stop_stage", "test_sets")  # options that a description cannot give


class Job(NamedTuple):
    """One arm with one seed, for one task."""

    arm: str
    seed: int
    task: str  # empty where the description has none

    @property
    def tag(self) -> str:
        return f"{self.arm}_{self.task}_seed{self.seed}" if self.task else f"{self.arm}_seed{self.seed}"


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="description of the comparison")
    parser.add_argument("--action", required=True, choices=["check", "data", "run", "report"],
                        help="print name and number of runs; make the data; do one run; write table and figure")
    parser.add_argument("--number", type=int, default=1, help="of the run, from 1")
    parser.add_argument("--expdir", type=Path, default=Path("exp"))
    parser.add_argument("--dumpdir", type=Path, default=Path("dump"))
    parser.add_argument("--ngpu", type=int, default=0)
    parser.add_argument("--run_args", default="", help="more options of run.sh for every run")
    parser.add_argument("--draws", type=int, default=10000, help="of the bootstrap")
    return parser


def main(options: argparse.Namespace) -> None:
    """One of the actions."""
    description = read_description(options.config)
    tasks = tasks_of(description)
    jobs = [Job(arm, seed, task) for seed in description["seeds"] for arm in description["arms"] for task in tasks]
    if options.action == "check":
        print(description["name"], len(jobs))
    elif options.action == "data":
        words = ["--stop_stage", str(LAST_DATA_STAGE), "--seed", str(description["seeds"][0])]
        for task in tasks.values():
            make_data([*words, *option_words(joined(description.get("options"), task.get("options")), options)])
    elif options.action == "run":
        job = jobs[options.number - 1]
        os.environ["cmd_backend"] = "local"  # this process is the job; its stages stay on its machine
        run_recipe(["--stage", str(LAST_DATA_STAGE + 1), "--stop_stage", "13", "--seed", str(job.seed),
                    "--expdir", str(options.expdir / description["name"]), "--asr_tag", job.tag,
                    "--ngpu", str(options.ngpu), *option_words(arm_options(description, job.arm, job.task), options)])
    else:
        report(description, jobs, options)


def read_description(path: Path) -> dict:
    """Check what a typing error would make costly."""
    if not path.is_file():
        raise InputError(f"{path}: no such description. --config names it; egs2/mini/bljust/conf/compare.yaml is one.")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())}). Mend it there.") from error
    keys = set(found) if isinstance(found, dict) else set()
    if odd := sorted(keys - KEYS) or sorted(REQUIRED - keys):
        raise InputError(f"{path}: {odd[0]} is {'unknown' if odd[0] in keys else 'missing'}. "
                         f"A description has {', '.join(sorted(KEYS))}.")
    if ("test_set" in found) == ("tasks" in found):
        raise InputError(f"{path}: neither test_set nor tasks, or both. Give one: test_set is one task, scored by WER.")
    check_tasks(path, found.get("tasks"))
    seeds = found["seeds"]
    if not isinstance(seeds, list) or not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise InputError(f"{path}: seeds is {seeds!r}, not a list of whole numbers. Write seeds: [0, 1, 2].")
    if not isinstance(found["arms"], dict) or found["reference"] not in found["arms"]:
        raise InputError(f"{path}: reference {found['reference']!r} is none of the arms. Name one of them.")
    for arm in found["arms"]:
        if taken := sorted(set(joined(found.get("options"), found["arms"][arm])) & set(OURS)):
            raise InputError(f"{path}: arm {arm} sets {taken[0]}, which the comparison decides. Leave it out.")
    return found


def check_tasks(path: Path, tasks: object) -> None:
    """``tasks`` may be absent."""
    if tasks is None:
        return
    if not isinstance(tasks, dict) or not tasks or not all(isinstance(task, dict) for task in tasks.values()):
        raise InputError(f"{path}: tasks is {tasks!r}, not names with keys. Write tasks: {{WER: {{test_set: test}}}}.")
    for name, task in tasks.items():
        unknown = sorted(set(task) - TASK_KEYS)
        if unknown or "test_set" not in task or task.get("score", "wer") not in SCORES:
            raise InputError(f"{path}: task {name} is {task!r}. It has a test_set and, if wanted, options and a score, "
                             f"one of {', '.join(SCORES)}.")


def tasks_of(description: dict) -> dict[str, dict]:
    """Task -> its test_set, score and options; one without a name where the description has none."""
    return description.get("tasks") or {"": {"test_set": description["test_set"]}}


def arm_options(description: dict, arm: str, task: str = "") -> dict:
    """Options of all arms, then the task's, then the arm's own; asr_args of all."""
    return joined(description.get("options"), tasks_of(description)[task].get("options"), description["arms"][arm])


def joined(*parts: dict | None) -> dict:
    """Options of several parts, later ones win; asr_args of all of them."""
    options = {name: value for part in parts for name, value in (part or {}).items()}
    words = " ".join(str(part["asr_args"]) for part in parts if part and "asr_args" in part)
    return {**options, **({"asr_args": words} if words else {})}


def option_words(values: dict, options: argparse.Namespace) -> list[str]:
    """As run.sh takes them."""
    words = ["--dumpdir", str(options.dumpdir)]
    for name, value in (values or {}).items():
        words += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    return [*words, *options.run_args.split()]


def make_data(words: list[str]) -> None:
    """Stages 1 to 6; a failure has said why."""
    status = subprocess.run(["./run.sh", *words], check=False).returncode
    if status:
        sys.exit(status)


def run_recipe(words: list[str]) -> None:
    """This process becomes run.sh."""
    os.execv("./run.sh", ["./run.sh", *words])


def report(description: dict, jobs: list[Job], options: argparse.Namespace) -> None:
    """Tables and figures of the seeds that every arm has; what is missing is named."""
    from espnet_bljust.data.files import write_atomic
    from espnet_bljust.scoring.comparison import Arm
    from espnet_bljust.scoring.overview import overview, read_cost

    folder, tasks = options.expdir / description["name"], tasks_of(description)
    missing = [job for job in jobs if not result_file(folder, job, description).is_file()]
    seeds = [seed for seed in description["seeds"] if seed not in {job.seed for job in missing}]
    if not seeds:
        raise InputError(f"{folder}: no seed has all arms, {missing[0].tag} is missing. Run compare.sh to the end.")
    found: dict[str, list[Arm]] = {}
    texts = []
    for task in tasks:
        found[task], text = report_task(description, task, seeds, missing, options)
        texts.append(text)
    if description.get("tasks"):
        costs = {arm: {task: [read_cost(folder / Job(arm, seed, task).tag) for seed in seeds] for task in tasks}
                 for arm in description["arms"]}
        texts.insert(0, overview(found, costs, title=description["name"]))
    text = "\n".join(texts)
    write_atomic(folder / "COMPARISON.md", text)
    numbers = {task: [{**arm._asdict(), "gain": arm.gain and arm.gain._asdict()} for arm in arms]
               for task, arms in found.items()}
    write_atomic(folder / "comparison.json", json.dumps(numbers.get("", numbers), indent=1) + "\n")
    print(text)
    print(f"{folder}/COMPARISON.md: {len(description['arms'])} arms, "
          f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}")


def report_task(description: dict, task: str, seeds: list[int], missing: list[Job],
                options: argparse.Namespace) -> "tuple[list, str]":
    """The arms of one task with their table; draws the figure."""
    from espnet_bljust.data.tables import read_table
    from espnet_bljust.scoring.comparison import compare, markdown, read_run
    from espnet_bljust.scoring.comparison_figure import draw_comparison

    folder, reference = options.expdir / description["name"], description["reference"]
    test_set = tasks_of(description)[task]["test_set"]
    runs = {arm: {seed: read_run(folder / Job(arm, seed, task).tag,
                                 result_file(folder, Job(arm, seed, task), description)) for seed in seeds}
            for arm in description["arms"]}
    utt2spk = read_table(options.dumpdir / "raw" / test_set / "utt2spk")
    arms = compare(runs, reference, utt2spk, draws=options.draws)
    words = {"reference": reference, "dataset": test_set, "rate": task or "WER"}
    title = f"{description['name']}: {task}" if task else description["name"]
    text = markdown(arms, title=title, seeds=seeds, missing=[job.tag for job in missing if job.task == task], **words)
    draw_comparison(arms, folder / (f"comparison_{task}.png" if task else "comparison.png"), **words)
    return arms, text


def result_file(folder: Path, job: Job, description: dict) -> Path:
    """The scores of one run."""
    task = tasks_of(description)[job.task]
    decoding = arm_options(description, job.arm, job.task).get("decode_name", "greedy")
    scores = f"decode_{decoding}/{task['test_set']}/score_{task.get('score', 'wer')}"
    return folder / job.tag / scores / "result.txt"


if __name__ == "__main__":
    run(build_parser(), main)
