"""One comparison, as local/compare.sh runs it: arms x seeds of a description, each through run.sh in this folder.

The description (YAML) holds `name`, `seeds`, `test_set`, `reference` (an arm), `arms` (name -> options of run.sh) and,
if wanted, `options` of run.sh for all arms, `pairs` (arm -> the arm that it is compared with in the place of the
reference) and `published`: source, metric and figures (arm -> percent) that others report. asr_args of both are joined;
`groups` and `include` hold options that several arms share (comparison/groups.py). Every arm has the data of stages 1
to 6, made once with the first seed; run.sh itself says of each stage of a run whether it is up to date. Only
`test_set` is decoded: with the dev set in its place, a search for the best options never sees the test set.
With `tasks` in the place of `test_set`, every arm is trained and scored for each of them: comparison/tasks.py.

With `folds: N` (cross-validation of a classification; comparison/folds.py) every arm runs in each of N folds, whose
data local/data.py makes by its option --fold. With `pretraining` (options of run.sh; comparison/updates.py) the
description has no arms: --pretrain_updates makes them.
"""

import argparse
import os
from pathlib import Path

from espnet_bljust.command import run, true_false
from espnet_bljust.comparison import folds, tasks, updates
from espnet_bljust.comparison.description import arm_options, read_description
from espnet_bljust.comparison.runs import Job, note_options, option_words, run_recipe, scored
from espnet_bljust.comparison.tables import report

LAST_DATA_STAGE = 6


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="description of the comparison")
    parser.add_argument("--action", required=True, choices=["check", "data", "pretrain", "run", "report"],
                        help="print name and counts of runs and data; make data; pre-train; one run; write the table")
    parser.add_argument("--arms", default="", help="only these of the description and its reference, as 'bljust ptft'")
    parser.add_argument("--number", type=int, default=1, help="of the run, or of the data, from 1")
    parser.add_argument("--pretrain_updates", default="", help="fine-tune from the weights after these, as '50k 100k'")
    parser.add_argument("--dry_run", type=true_false, default=False, help="show the call of run.sh and do not make it")
    parser.add_argument("--expdir", type=Path, default=Path("exp"))
    parser.add_argument("--dumpdir", type=Path, default=Path("dump"))
    parser.add_argument("--ngpu", type=int, default=0)
    parser.add_argument("--run_args", default="", help="more options of run.sh for every run")
    parser.add_argument("--score", choices=("wer", "cer", "ter"), default="wer", help="what the table is of")
    parser.add_argument("--draws", type=int, default=10000, help="of the bootstrap")
    return parser


def main(options: argparse.Namespace) -> None:
    """One of the actions."""
    description = read_description(options.config, options)
    numbers = range(1, description["folds"] + 1) if "folds" in description else [0]
    jobs = [Job(arm, seed, fold) for fold in numbers for seed in description["seeds"] for arm in description["arms"]]
    data = [(values, fold) for values in tasks.data_options(description) for fold in numbers]
    experiments, ngpu = ["--expdir", str(options.expdir / description["name"])], ["--ngpu", str(options.ngpu)]
    first_seed = ["--seed", str(description["seeds"][0])]
    same_labels = ["--labels_seed", str(description["seeds"][0])]
    if options.action == "check":
        print(description["name"], len(jobs), len(data))
    elif options.action == "data":
        values, fold = data[options.number - 1]
        words = ["--stop_stage", str(LAST_DATA_STAGE), *first_seed, *scored(description)]
        run_recipe([*words, *option_words(values, options, fold)], options)
    elif options.action == "pretrain":
        if values := updates.pretraining_options(description, options):
            words = ["--stage", str(LAST_DATA_STAGE + 1), "--stop_stage", "8", *first_seed, *experiments]
            run_recipe([*words, "--asr_tag", updates.TAG, *ngpu, *option_words(values, options)], options)
    elif options.action == "run":
        job = jobs[options.number - 1]
        os.environ["cmd_backend"] = "local"  # this process is the job; its stages stay on its machine
        words = ["--stage", str(LAST_DATA_STAGE + 1), "--stop_stage", "13", "--seed", str(job.seed), *experiments]
        words += ["--asr_tag", job.tag, *ngpu, *same_labels, *scored(description)]
        if not options.dry_run:
            note_options(options.expdir / description["name"] / job.tag, arm_options(description, job.arm))
        run_recipe([*words, *option_words(arm_options(description, job.arm), options, job.fold)], options)
    elif "pretraining" in description:
        updates.report(description, jobs, options)
    elif "folds" in description:
        folds.report(description, jobs, options)
    elif "tasks" in description:
        tasks.report(description, jobs, options, report)
    else:
        report(description, jobs, options, rate=options.score.upper(), score=options.score,
               suffix="" if options.score == "wer" else f"_{options.score}")


if __name__ == "__main__":
    run(build_parser(), main)
