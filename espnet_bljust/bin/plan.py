"""Stage 7: the whole training configuration, the plan, and everything that can fail cheaply before a long run.

Writes exp/<tag>/train.yaml (a run can be repeated from it alone), plan.json and stats.md: parameters by role,
passes over each kind of audio, memory, disk. Transcripts too long for CTC are named here. The time that training
will take is printed only: it is measured, and what is written is the same at every run.
"""

import argparse
import json
from pathlib import Path

import yaml

from espnet_bljust.bilevel.options import METHODS
from espnet_bljust.command import run
from espnet_bljust.data.feeding.pool_index import ROWS_AT_ONCE, num_lines, write_index
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.planning.checks import check_feasible, check_frozen
from espnet_bljust.planning.report import SAMPLE_RATE, Amount, Sizes, amount_of, passes, report
from espnet_bljust.planning.settings import HEADS, settled
from espnet_bljust.planning.speed import measure, training_seconds
from espnet_bljust.progress import duration


def main(options: argparse.Namespace) -> None:
    """Merge the configurations, check them against the data, write the three files."""
    settings, plan = settled(options)
    from espnet_bljust.training.masks import Drawing  # brings torch: after what fails at once

    drawing = Drawing.of(settings)
    audio = {name: amount_of(Path(settings[key][0]), options.dry_run)
             for name, key in (("labelled", "train_shape_file"), ("valid", "valid_shape_file"))}
    audio["pool"] = pool_amount(settings, options)
    if not options.dry_run or (None not in audio.values() and options.token_list.exists()):
        check_feasible(settings, options, drawing.num_frames)
    from espnet_bljust.weights.experiment import shape_of

    check_frozen(settings.get("freeze_param", []), shape_of(settings).parameters())
    if options.init_from:
        from espnet_bljust.weights.starting_point import starting_point

        print(starting_point(Path(options.init_from), shape_of(settings), settings["token_list"]).line)
    text = report(plan, settings, Sizes.of(settings), audio, max(1, options.ngpu))
    valid_seconds = 3600 * audio["valid"].hours if audio["valid"] else 0
    rates = measure(settings, options.ngpu)
    seconds = training_seconds(plan, settings, rates, valid_seconds, options.ngpu)
    if options.dry_run:
        print(f"{text}Time of stages 8 to 10 on this machine, roughly: {duration(seconds)}.")
        return
    options.exp_dir.mkdir(parents=True, exist_ok=True)
    contents = {**plan.as_dict(), "passes": passes(plan, settings, audio)}
    write_atomic(options.exp_dir / "plan.json", json.dumps(contents, indent=1) + "\n")
    write_atomic(options.exp_dir / "stats.md", text)
    write_atomic(options.exp_dir / "train.yaml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    print(f"{options.exp_dir}/train.yaml: {plan.num_steps} steps in {len(plan.segments)} segments, "
          f"{audio['labelled'].hours:.2f} h labelled, {audio['pool'].hours:.2f} h in the pool; "
          f"training will take about {duration(seconds)}")


def pool_amount(settings: dict, options: argparse.Namespace) -> Amount | None:
    """Of the pool; one of ``unlabelled_shards_from`` utterances or more gets its index here."""
    shape_file = Path(settings["unlabelled_shape_file"][0])
    if options.dry_run or num_lines(shape_file) < settings["unlabelled_shards_from"]:
        return amount_of(shape_file, options.dry_run)
    options.exp_dir.mkdir(parents=True, exist_ok=True)
    path = options.exp_dir / "pool.index"
    settings["unlabelled_index"] = str(path)
    index = write_index(options.pool_dir, path)
    return Amount(int(index.sums(ROWS_AT_ONCE).sum()) / SAMPLE_RATE / 3600, len(index))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in (("config", "training configuration, conf/train_*.yaml"),
                       ("size_config", "conf/size/<size>.yaml"),
                       ("exp_dir", "exp/<tag>"), ("train_dir", "dump/raw/<train_set>_labelled"),
                       ("pool_dir", "dump/raw/<train_set>_pool"), ("valid_dir", "dump/raw/<valid_set>"),
                       ("token_list", "tokens.txt of stage 5")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    parser.add_argument("--token_type", required=True, choices=("char", "bpe", "word", "phn"))
    parser.add_argument("--bpe_model", default="", help="SentencePiece model of stage 5, for token_type bpe")
    parser.add_argument("--valid_pool_dir", type=Path, help="speech for the self-supervised loss on dev (default: dev)")
    parser.add_argument("--task", choices=tuple(HEADS), default="recognition", help="what the supervised head says")
    parser.add_argument("--method", default="bljust", help=", ".join(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--init_from", default="", help="weights to start from: a file, or a Hugging Face directory")
    parser.add_argument("--ngpu", type=int, default=0, help="GPUs that training will have, for the estimate of time")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="change one key of the configuration, e.g. plan_conf.gamma_max=3")
    parser.add_argument("--dry_run", action="store_true", help="print the report, write nothing")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
