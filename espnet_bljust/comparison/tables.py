"""The table and the figure of a comparison whose runs are scored."""

import argparse
import json

from espnet_bljust.comparison.description import arm_options
from espnet_bljust.comparison.runs import Job, is_scored
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.results import GREEDY


def report(description: dict, jobs: list[Job], options: argparse.Namespace, *, rate: str = "WER", score: str = "wer",
           suffix: str = "") -> list:
    """Table and figure of the seeds that every arm has; what is missing is named. Returns the arms.

    With --arms they have names of their own, so that the whole comparison's stay.
    """
    from espnet_bljust.comparison.arms import Published, compare, markdown, read_run
    from espnet_bljust.comparison.figure import draw_comparison
    from espnet_bljust.data.kaldi.tables import read_table

    suffix = "".join(f"_{arm}" for arm in options.arms.split()) + suffix
    decoding = (description.get("options") or {}).get("decode_name", GREEDY)
    folder, dataset = options.expdir / description["name"], f"decode_{decoding}/{description['test_set']}"
    reference, utt2spk = description["reference"], options.dumpdir / "raw" / description["test_set"] / "utt2spk"
    missing = [job for job in jobs if not is_scored(
        folder / job.tag, f"{dataset}/score_{score}/result.txt", arm_options(description, job.arm))]
    seeds = [seed for seed in description["seeds"] if seed not in {job.seed for job in missing}]
    if not seeds:
        raise InputError(f"{folder}: no seed has all arms, {missing[0].tag} is missing. Run compare.sh to the end.")
    runs = {arm: {seed: read_run(folder / Job(arm, seed).tag, dataset, score) for seed in seeds}
            for arm in description["arms"]}
    arms = compare(runs, reference, read_table(utt2spk), draws=options.draws, pairs=description.get("pairs", {}))
    text = markdown(arms, title=description["name"], reference=reference, seeds=seeds,
                    dataset=description["test_set"], missing=[job.tag for job in missing], rate=rate,
                    published=Published(**description["published"]) if "published" in description else None)
    write_atomic(folder / f"COMPARISON{suffix}.md", text)
    numbers = [{**arm._asdict(), "gain": arm.gain and arm.gain._asdict()} for arm in arms]
    write_atomic(folder / f"comparison{suffix}.json", json.dumps(numbers, indent=1) + "\n")
    draw_comparison(arms, folder / f"comparison{suffix}.png", reference=reference, dataset=description["test_set"],
                    rate=rate)
    print(text)
    print(f"{folder}/COMPARISON{suffix}.md: {len(arms)} arms, {len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}")
    return arms
