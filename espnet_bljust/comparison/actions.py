"""What compare.sh asks for: what there is to do, data, pre-training, one run; each becomes a call of run.sh."""

import os

from espnet_bljust.comparison import tasks, updates
from espnet_bljust.comparison.description import Description
from espnet_bljust.comparison.outcome import Wanted, report
from espnet_bljust.comparison.runs import Recipe, note_options

ACTIONS = ("check", "data", "pretrain", "run", "report")
LAST_DATA_STAGE = 6


def act(action: str, description: Description, number: int, recipe: Recipe, wanted: Wanted) -> None:
    """One of ACTIONS; ``number``: of the run, or of the data, from 1."""
    if action == "check":
        print(description.name, len(description.jobs()), len(tasks.data_options(description))
              * len(description.fold_numbers))
    elif action == "data":
        make_data(description, number, recipe)
    elif action == "pretrain":
        pretrain(description, recipe)
    elif action == "run":
        run_job(description, number, recipe)
    else:
        report(description, recipe, wanted)


def make_data(description: Description, number: int, recipe: Recipe) -> None:
    """Stages 1 to 6, with the first seed."""
    data = [(values, fold) for values in tasks.data_options(description) for fold in description.fold_numbers]
    values, fold = data[number - 1]
    recipe.run(["--stop_stage", str(LAST_DATA_STAGE), "--seed", str(description.seeds[0]), *decoded_sets(description),
                *recipe.option_words(values, fold)])


def pretrain(description: Description, recipe: Recipe) -> None:
    """The one pre-training from which the arms start, with the first seed; nothing where all of it is there."""
    if values := updates.pretraining_options(description, recipe.expdir):
        recipe.run(["--stage", str(LAST_DATA_STAGE + 1), "--stop_stage", "8", "--seed", str(description.seeds[0]),
                    *experiment(description, updates.TAG, recipe), *recipe.option_words(values)])


def run_job(description: Description, number: int, recipe: Recipe) -> None:
    """One arm with one seed, from stage 7 to 13."""
    job = description.jobs()[number - 1]
    values = description.arm_options(job.arm)
    os.environ["cmd_backend"] = "local"  # this process is the job; its stages stay on its machine
    if not recipe.dry_run:
        note_options(recipe.expdir / description.name / job.tag, values)
    recipe.run(["--stage", str(LAST_DATA_STAGE + 1), "--stop_stage", "13", "--seed", str(job.seed),
                *experiment(description, job.tag, recipe), "--labels_seed", str(description.seeds[0]),
                *decoded_sets(description),
                *recipe.option_words(values, job.fold)])


def experiment(description: Description, tag: str, recipe: Recipe) -> list[str]:
    """Where it lies, and what trains it."""
    return ["--expdir", str(recipe.expdir / description.name), "--asr_tag", tag, "--ngpu", str(recipe.ngpu)]


def decoded_sets(description: Description) -> list[str]:
    """Which sets are decoded, greedily where the description says no other; each task names its own."""
    sets = [] if description.tasks else ["--test_sets", description.test_set, "--eval_valid_set", "false"]
    return ["--use_ngram", "false", *sets]
