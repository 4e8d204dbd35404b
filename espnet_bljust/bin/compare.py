"""One comparison, as local/compare.sh runs it: arms x seeds of a description, each through run.sh in this folder.

The description (YAML) holds `name`, `seeds`, `test_set`, `reference` (an arm), `arms` (name -> options of run.sh) and,
if wanted, `options` of run.sh for all arms and `published`: source, metric and figures (arm -> percent) that others
report. asr_args of both are joined. Every arm has the data of stages 1 to 6, made
once with the first seed; run.sh itself says of each stage of a run whether it is up to date.
"""

import argparse
import json
import os
from pathlib import Path
from typing import NamedTuple

import yaml

from espnet_bljust.bin.command import run
from espnet_bljust.errors import InputError

KEYS = {"name", "seeds", "test_set", "reference", "arms", "options", "published"}
NEED_NOT_BE = {"options", "published"}
LAST_DATA_STAGE = 6
PUBLISHED = {"source": "", "metric": "", "figures": {}}
OURS = ("seed", "asr_tag", "expdir", "stage", "stop_stage", "test_sets")  # options that a description cannot give


class Job(NamedTuple):
    """One arm with one seed."""

    arm: str
    seed: int

    @property
    def tag(self) -> str:
        return f"{self.arm}_seed{self.seed}"


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
    jobs = [Job(arm, seed) for seed in description["seeds"] for arm in description["arms"]]
    if options.action == "check":
        print(description["name"], len(jobs))
    elif options.action == "data":
        words = ["--stop_stage", str(LAST_DATA_STAGE), "--seed", str(description["seeds"][0])]
        run_recipe([*words, *option_words(description.get("options", {}), options)])
    elif options.action == "run":
        job = jobs[options.number - 1]
        os.environ["cmd_backend"] = "local"  # this process is the job; its stages stay on its machine
        run_recipe(["--stage", str(LAST_DATA_STAGE + 1), "--stop_stage", "13", "--seed", str(job.seed),
                    "--expdir", str(options.expdir / description["name"]), "--asr_tag", job.tag,
                    "--ngpu", str(options.ngpu), *option_words(arm_options(description, job.arm), options)])
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
    if odd := sorted(keys - KEYS) or sorted(KEYS - NEED_NOT_BE - keys):
        raise InputError(f"{path}: {odd[0]} is {'unknown' if odd[0] in keys else 'missing'}. "
                         f"A description has {', '.join(sorted(KEYS))}.")
    seeds = found["seeds"]
    if not isinstance(seeds, list) or not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise InputError(f"{path}: seeds is {seeds!r}, not a list of whole numbers. Write seeds: [0, 1, 2].")
    if not isinstance(found["arms"], dict) or found["reference"] not in found["arms"]:
        raise InputError(f"{path}: reference {found['reference']!r} is none of the arms. Name one of them.")
    published = found.get("published", PUBLISHED)
    if not isinstance(published, dict) or set(published) != set(PUBLISHED) or set(published["figures"]) - set(
            found["arms"]):
        raise InputError(f"{path}: published wants source, metric, and figures of arms. Mend it there.")
    for arm in found["arms"]:
        if taken := sorted(set(arm_options(found, arm)) & set(OURS)):
            raise InputError(f"{path}: arm {arm} sets {taken[0]}, which the comparison decides. Leave it out.")
    return found


def arm_options(description: dict, arm: str) -> dict:
    """Options of all arms, then its own; asr_args of both."""
    common, own = description.get("options") or {}, description["arms"][arm] or {}
    joined = " ".join(str(part["asr_args"]) for part in (common, own) if "asr_args" in part)
    return {**common, **own, **({"asr_args": joined} if joined else {})}


def option_words(values: dict, options: argparse.Namespace) -> list[str]:
    """As run.sh takes them."""
    words = ["--dumpdir", str(options.dumpdir)]
    for name, value in (values or {}).items():
        words += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    return [*words, *options.run_args.split()]


def run_recipe(words: list[str]) -> None:
    """This process becomes run.sh."""
    os.execv("./run.sh", ["./run.sh", *words])


def report(description: dict, jobs: list[Job], options: argparse.Namespace) -> None:
    """Table and figure of the seeds that every arm has; what is missing is named."""
    from espnet_bljust.data.files import write_atomic
    from espnet_bljust.data.tables import read_table
    from espnet_bljust.scoring.comparison import Published, compare, markdown, read_run
    from espnet_bljust.scoring.comparison_figure import draw_comparison

    decoding = (description.get("options") or {}).get("decode_name", "greedy")
    folder, dataset = options.expdir / description["name"], f"decode_{decoding}/{description['test_set']}"
    reference, utt2spk = description["reference"], options.dumpdir / "raw" / description["test_set"] / "utt2spk"
    missing = [job for job in jobs if not (folder / job.tag / dataset / "score_wer" / "result.txt").is_file()]
    seeds = [seed for seed in description["seeds"] if seed not in {job.seed for job in missing}]
    if not seeds:
        raise InputError(f"{folder}: no seed has all arms, {missing[0].tag} is missing. Run compare.sh to the end.")
    runs = {arm: {seed: read_run(folder / Job(arm, seed).tag, dataset) for seed in seeds}
            for arm in description["arms"]}
    arms = compare(runs, reference, read_table(utt2spk), draws=options.draws)
    text = markdown(arms, title=description["name"], reference=reference, seeds=seeds,
                    dataset=description["test_set"], missing=[job.tag for job in missing],
                    published=Published(**description["published"]) if "published" in description else None)
    write_atomic(folder / "COMPARISON.md", text)
    numbers = [{**arm._asdict(), "gain": arm.gain and arm.gain._asdict()} for arm in arms]
    write_atomic(folder / "comparison.json", json.dumps(numbers, indent=1) + "\n")
    draw_comparison(arms, folder / "comparison.png", reference=reference, dataset=description["test_set"])
    print(text)
    print(f"{folder}/COMPARISON.md: {len(arms)} arms, {len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}")


if __name__ == "__main__":
    run(build_parser(), main)
