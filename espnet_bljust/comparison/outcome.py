"""The table and the figure of a comparison whose runs are scored."""

import json
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from espnet_bljust.comparison import folds, overview, updates
from espnet_bljust.comparison.arms import Arm, compare, markdown, read_run
from espnet_bljust.comparison.description import Description
from espnet_bljust.comparison.figure import draw_comparison
from espnet_bljust.comparison.runs import Job, Recipe, is_scored
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError


class Wanted(NamedTuple):
    """What a table is to be of, and how its intervals are come by."""

    score: str = "wer"  # wer, cer or ter
    draws: int = 10000  # of the bootstrap
    named: Sequence[str] = ()  # arms of --arms: such a table has a name of its own, so that the whole one stays


def report(description: Description, recipe: Recipe, wanted: Wanted) -> None:
    """The table of the description's kind; what is missing is named."""
    jobs = description.jobs()
    if description.pretraining:
        updates.report(description, jobs, recipe.expdir)
    elif description.folds:
        folds.report(description, jobs, recipe.expdir)
    elif description.tasks:
        overview.report(description, jobs, recipe.expdir, partial(report_one, recipe=recipe, wanted=wanted))
    else:
        score = wanted.score
        report_one(description, jobs, recipe=recipe, wanted=wanted, rate=score.upper(), score=score,
                   suffix="" if score == "wer" else f"_{score}")


def report_one(
    description: Description, jobs: Sequence[Job], *, recipe: Recipe, wanted: Wanted, rate: str, score: str, suffix: str
) -> list[Arm]:
    """Table and figure of the seeds that every arm has; returns the arms."""
    suffix = "".join(f"_{arm}" for arm in wanted.named) + suffix
    folder, dataset = recipe.expdir / description.name, f"{description.decoding}/{description.test_set}"
    reference, utt2spk = description.reference, recipe.dumpdir / "raw" / description.test_set / "utt2spk"
    missing = [job for job in jobs if not is_scored(
        folder / job.tag, f"{dataset}/score_{score}/result.txt", description.arm_options(job.arm))]
    seeds = [seed for seed in description.seeds if seed not in {job.seed for job in missing}]
    if not seeds:
        raise InputError(f"{folder}: no seed has all arms, {missing[0].tag} is missing. Run compare.sh to the end.")
    runs = {arm: {seed: read_run(folder / Job(arm, seed).tag, dataset, score) for seed in seeds}
            for arm in description.arms}
    arms = compare(runs, reference, read_table(utt2spk), draws=wanted.draws, pairs=description.pairs)
    text = markdown(arms, title=description.name, reference=reference, seeds=seeds, dataset=description.test_set,
                    missing=[job.tag for job in missing], rate=rate, published=description.published)
    write_atomic(folder / f"COMPARISON{suffix}.md", text)
    numbers = [{**arm._asdict(), "gain": arm.gain and arm.gain._asdict()} for arm in arms]
    write_atomic(folder / f"comparison{suffix}.json", json.dumps(numbers, indent=1) + "\n")
    draw_comparison(arms, folder / f"comparison{suffix}.png", reference=reference, dataset=description.test_set,
                    rate=rate)
    print(text)
    print(f"{folder}/COMPARISON{suffix}.md: {len(arms)} arms, {len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}")
    return arms
