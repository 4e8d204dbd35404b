"""One comparison, as local/compare.sh runs it: arms x seeds of a description, each through run.sh in this folder.

The description (YAML) holds `name`, `seeds`, `test_set`, `reference` (an arm), `arms` (name -> options of run.sh) and,
if wanted, `options` of run.sh for all arms, `pairs` (arm -> the arm that it is compared with in the place of the
reference) and `published`: source, metric and figures (arm -> percent) that others
report. asr_args of both are joined. Every arm has the data of stages 1 to 6, made
once with the first seed; run.sh itself says of each stage of a run whether it is up to date. Only
`test_set` is decoded: with the dev set in its place, a search for the best options never sees the test set.
With `tasks` in the place of `test_set`, every arm is trained and scored for each of them: compare_tasks.py.

With `folds: N` (cross-validation of a classification; compare_folds.py) every arm runs in each of N folds, whose data
local/data.py makes by its option --fold. With `pretraining` (options of run.sh; compare_updates.py) the description has
no arms: --pretrain_updates makes them.
"""

import argparse
import json
import os
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.bin import compare_folds, compare_tasks, compare_updates
from espnet_bljust.bin.command import run
from espnet_bljust.bin.flags import true_false
from espnet_bljust.data.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.settings_file import read_yaml

OPTIONAL = {"options", "tasks", "folds", "pretraining", "published", "pairs"}
KEYS = {"name", "seeds", "test_set", "reference", "arms", *OPTIONAL}
LAST_DATA_STAGE = 6
OPTIONS_FILE = "compare_options.json"  # in a run's folder: the arm's options when it ran
PUBLISHED = {"source": "", "metric": "", "figures": {}}
PLAIN = re.compile(r"\w[\w.+=@%,-]*")
OURS = ("seed", "asr_tag", "expdir", "stage", "stop_stage", "test_sets")  # options that a description cannot give


class Job(NamedTuple):
    """One arm with one seed."""

    arm: str
    seed: int
    fold: int = 0  # from 1; 0 where there are no folds

    @property
    def tag(self) -> str:
        return f"{self.arm}_seed{self.seed}" + (f"_fold{self.fold}" if self.fold else "")


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
    folds = range(1, description["folds"] + 1) if "folds" in description else [0]
    jobs = [Job(arm, seed, fold) for fold in folds for seed in description["seeds"] for arm in description["arms"]]
    data = [(values, fold) for values in compare_tasks.data_options(description) for fold in folds]
    experiments, ngpu = ["--expdir", str(options.expdir / description["name"])], ["--ngpu", str(options.ngpu)]
    first_seed = ["--seed", str(description["seeds"][0])]
    if options.action == "check":
        print(description["name"], len(jobs), len(data))
    elif options.action == "data":
        values, fold = data[options.number - 1]
        words = ["--stop_stage", str(LAST_DATA_STAGE), *first_seed, *scored(description)]
        run_recipe([*words, *option_words(values, options, fold)], options)
    elif options.action == "pretrain":
        if values := compare_updates.pretraining_options(description, options):
            words = ["--stage", str(LAST_DATA_STAGE + 1), "--stop_stage", "8", *first_seed, *experiments]
            run_recipe([*words, "--asr_tag", compare_updates.TAG, *ngpu, *option_words(values, options)], options)
    elif options.action == "run":
        job = jobs[options.number - 1]
        os.environ["cmd_backend"] = "local"  # this process is the job; its stages stay on its machine
        words = ["--stage", str(LAST_DATA_STAGE + 1), "--stop_stage", "13", "--seed", str(job.seed), *experiments]
        words += ["--asr_tag", job.tag, *ngpu, *scored(description)]
        if not options.dry_run:
            note_options(options.expdir / description["name"] / job.tag, arm_options(description, job.arm))
        run_recipe([*words, *option_words(arm_options(description, job.arm), options, job.fold)], options)
    elif "pretraining" in description:
        compare_updates.report(description, jobs, options)
    elif "folds" in description:
        compare_folds.report(description, jobs, options)
    elif "tasks" in description:
        compare_tasks.report(description, jobs, options, report)
    else:
        report(description, jobs, options, rate=options.score.upper(), score=options.score,
               suffix="" if options.score == "wer" else f"_{options.score}")


def read_description(path: Path, options: argparse.Namespace) -> dict:
    """Check what a typing error would make costly."""
    if not path.is_file():
        raise InputError(f"{path}: no such description. --config names it; egs2/mini/bljust/conf/compare.yaml is one.")
    found = read_yaml(path)
    keys = set(found) if isinstance(found, dict) else set()
    if "pretraining" in keys or options.pretrain_updates:
        found = compare_updates.with_arms(found if keys else {}, options)
        keys = set(found)
    optional = OPTIONAL | ({"test_set"} if "tasks" in keys else set())
    if odd := sorted(keys - KEYS) or sorted(KEYS - optional - keys):
        raise InputError(f"{path}: {odd[0]} is {'unknown' if odd[0] in keys else 'missing'}. "
                         f"A description has {', '.join(sorted(KEYS))}.")
    names = [found["name"], *(found["arms"] if isinstance(found["arms"], dict) else [])]
    if odd := [name for name in names if not PLAIN.fullmatch(str(name))]:  # they name folders, and a shell reads them
        raise InputError(f"{path}: {str(odd[0])!r} is no plain name. Use letters, digits and . _ - in names.")
    seeds = found["seeds"]
    if not isinstance(seeds, list) or not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise InputError(f"{path}: seeds is {seeds!r}, not a list of whole numbers. Write seeds: [0, 1, 2].")
    if not isinstance(found["arms"], dict) or found["reference"] not in found["arms"]:
        raise InputError(f"{path}: reference {found['reference']!r} is none of the arms. Name one of them.")
    check_table(path, found, options.score)
    if "folds" in found and not (isinstance(found["folds"], int) and found["folds"] > 1):
        raise InputError(f"{path}: folds is {found['folds']!r}, not a whole number from 2. Write folds: 6, say.")
    published = found.get("published", PUBLISHED)
    if not isinstance(published, dict) or set(published) != set(PUBLISHED) or set(published["figures"]) - set(
            found["arms"]):
        raise InputError(f"{path}: published wants source, metric, and figures of arms. Mend it there.")
    for arm in found["arms"]:
        if not all(isinstance(part or {}, dict) for part in (found.get("options"), found["arms"][arm])):
            raise InputError(f"{path}: options of arm {arm} are no keys with values. Write `name: value` lines.")
        if taken := sorted(set(arm_options(found, arm)) & set(OURS)):
            raise InputError(f"{path}: arm {arm} sets {taken[0]}, which the comparison decides. Leave it out.")
    if options.arms:
        found["arms"] = only_arms(path, found, options.arms.split())
    return compare_tasks.expand(path, found) if "tasks" in found else found


def check_table(path: Path, found: dict, score: str) -> None:
    """Pairs are of arms; and what asks for a table of another kind has neither pairs nor a choice of score."""
    pairs = found.get("pairs", {})
    if not isinstance(pairs, dict) or {*pairs, *pairs.values()} - set(found["arms"]):
        raise InputError(f"{path}: pairs is {pairs!r}, not arms with arms. Write pairs: {{ptft: bljust}}, say.")
    several = sorted({"tasks", "folds", "pretraining"} & set(found))
    if several and (pairs or score != "wer"):
        raise InputError(f"{path}: has {several[0]}, whose table knows neither pairs nor --score. Leave them out.")


def only_arms(path: Path, found: dict, names: list[str]) -> dict:
    """These arms of the description with what they are compared with, in its order."""
    if odd := [name for name in names if name not in found["arms"]]:
        raise InputError(f"{path}: --arms names {odd[0]!r}, which is none of {', '.join(map(str, found['arms']))}.")
    pairs = found.get("pairs", {})
    wanted = {*names, found["reference"], *(pairs[name] for name in names if name in pairs)}
    return {arm: values for arm, values in found["arms"].items() if arm in wanted}


def arm_options(description: dict, arm: str) -> dict:
    """Options of all arms, then its own; asr_args of both."""
    common, own = description.get("options") or {}, description["arms"][arm] or {}
    joined = " ".join(str(part["asr_args"]) for part in (common, own) if "asr_args" in part)
    return {**common, **own, **({"asr_args": joined} if joined else {})}


def note_options(exp_dir: Path, values: dict) -> None:
    """Which options of the description a run has; scores of other ones are removed, lest a failed run leave them."""
    path, text = exp_dir / OPTIONS_FILE, options_text(values)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        for result in exp_dir.glob("decode_*/*/score_*/result.txt"):
            result.unlink()
    exp_dir.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text)


def is_scored(exp_dir: Path, result: str, values: dict) -> bool:
    """Whether this result is there, and of a run with these options; one without a note is taken for such."""
    noted = exp_dir / OPTIONS_FILE
    return (exp_dir / result).is_file() and (
        not noted.is_file() or noted.read_text(encoding="utf-8") == options_text(values))


def options_text(values: dict) -> str:
    """What a note of these options says."""
    return json.dumps(values, indent=1, default=str) + "\n"


def option_words(values: dict, options: argparse.Namespace, fold: int = 0) -> list[str]:
    """As run.sh takes them."""
    dumpdir = options.dumpdir
    if fold:
        values, dumpdir = compare_folds.options_of(values, fold), compare_folds.dumpdir(options.dumpdir, fold)
    words = ["--dumpdir", str(dumpdir)]
    for name, value in (values or {}).items():
        words += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    return [*words, *options.run_args.split()]


def scored(description: dict) -> list[str]:
    """Which sets are decoded; each task says so itself."""
    return [] if "tasks" in description else ["--test_sets", description["test_set"], "--eval_valid_set", "false"]


def run_recipe(words: list[str], options: argparse.Namespace) -> None:
    """This process becomes run.sh."""
    if options.dry_run:
        print("$", shlex.join(["./run.sh", *words]))
        return
    os.execv("./run.sh", ["./run.sh", *words])


def report(description: dict, jobs: list[Job], options: argparse.Namespace, *, rate: str = "WER", score: str = "wer",
           suffix: str = "") -> list:
    """Table and figure of the seeds that every arm has; what is missing is named. Returns the arms.

    With --arms they have names of their own, so that the whole comparison's stay.
    """
    from espnet_bljust.data.tables import read_table
    from espnet_bljust.scoring.comparison import Published, compare, markdown, read_run
    from espnet_bljust.scoring.comparison_figure import draw_comparison

    suffix = "".join(f"_{arm}" for arm in options.arms.split()) + suffix
    decoding = (description.get("options") or {}).get("decode_name", "greedy")
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


if __name__ == "__main__":
    run(build_parser(), main)
