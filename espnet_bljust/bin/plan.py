"""Stage 7: the whole training configuration, the plan, and everything that can fail cheaply before a long run.

Writes exp/<tag>/train.yaml (a run can be repeated from it alone), plan.json and stats.md: parameters by role,
passes over each kind of audio, memory, disk. Transcripts too long for CTC are named here. The time that training
will take is printed only: it is measured, and what is written is the same at every run.
"""

import argparse
import difflib
import json
import math
from collections.abc import Callable, Collection
from itertools import zip_longest
from pathlib import Path

import yaml

from espnet_bljust.bilevel.options import METHODS, batch_scales, build_plan
from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.bin.command import run
from espnet_bljust.bin.plan_report import Amount, Sizes, passes, report
from espnet_bljust.bin.plan_speed import measure, training_seconds
from espnet_bljust.bin.settings import HEADS, merge
from espnet_bljust.data.files import write_atomic
from espnet_bljust.data.pool_index import ROWS_AT_ONCE, num_lines, write_index
from espnet_bljust.data.sorted_tables import walk_samples, walk_sorted
from espnet_bljust.data.tokens import load_tokenizer
from espnet_bljust.errors import InputError
from espnet_bljust.progress import duration

SAMPLE_RATE = 16000


def main(options: argparse.Namespace) -> None:
    """Merge the configurations, check them against the data, write the three files."""
    settings, plan = settled(options)
    from espnet_bljust.espnet.masks import Drawing  # brings torch: after what fails at once

    drawing = Drawing.of(settings)
    audio = {name: amount_of(Path(settings[key][0]), options.dry_run)
             for name, key in (("labelled", "train_shape_file"), ("valid", "valid_shape_file"))}
    audio["pool"] = pool_amount(settings, options)
    if not options.dry_run or (None not in audio.values() and options.token_list.exists()):
        check_feasible(settings, options, drawing.num_frames)
    from espnet_bljust.espnet.weights import shape_of

    check_frozen(settings.get("freeze_param", []), shape_of(settings).parameters())
    if options.init_from:
        from espnet_bljust.espnet.starting_point import starting_point

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


def settled(options: argparse.Namespace) -> tuple[dict, Plan]:
    """The whole configuration, checked, with the batches that the method asks for, and its plan."""
    settings = merge(options)
    plan = build_plan(settings["plan_conf"])
    if beyond := [step for step in settings["keep_updates"] if step > plan.num_steps]:
        raise InputError(f"keep_updates: {beyond[0]} is beyond the plan's {plan.num_steps} steps. Leave it out, or "
                         "give plan_conf more steps.")
    for name, scale in zip(("batch_seconds", "unlabelled_batch_seconds"), batch_scales(settings["plan_conf"]),
                           strict=True):
        if scale != 1:
            settings[name] *= scale
    return settings, plan


def check_feasible(settings: dict, options: argparse.Namespace, num_frames: Callable[[int], int]) -> None:
    """Every labelled utterance needs a frame a token and one more between equal neighbours; offenders are listed.

    A class head has one frame, so to speak, for one word.
    """
    classes = options.task == "classification"
    tokenizer = load_tokenizer(settings["token_type"], settings["token_list"], settings["bpemodel"])
    offenders = []
    for name in ("train", "valid"):
        shape_file, text = settings[f"{name}_shape_file"][0], settings[f"{name}_data_path_and_name_and_type"][1][0]
        for transcript, (utterance, samples) in zip_longest(
            walk_sorted(Path(text)), walk_samples(Path(shape_file)), fillvalue=("", 0)
        ):
            if transcript[0] != utterance:
                odd = min(filter(None, (transcript[0], utterance)))  # both are sorted
                raise InputError(f"{shape_file}: {odd} is not in it and in text. Run stage 4 again.")
            ids = tokenizer.encode(transcript[1])
            needed = len(ids) + sum(first == second for first, second in zip(ids, ids[1:], strict=False))
            frames = min(num_frames(samples), 1 if classes else math.inf)
            if frames < needed:
                offenders.append(f"{utterance} {frames} frames {needed} needed")
    path = options.exp_dir / "too_short_for_ctc.txt"
    if not options.dry_run:
        path.unlink(missing_ok=True)  # of an earlier call
    if offenders:
        if not options.dry_run:
            options.exp_dir.mkdir(parents=True, exist_ok=True)
            write_atomic(path, "\n".join(offenders) + "\n")
        raise InputError(f"{options.train_dir if options.dry_run else path}: {len(offenders)} utterances have fewer "
                         f"frames than their transcripts need in CTC, the first: {offenders[0]}. "
                         + ("Write one word, the class, as the text of each, with token_type word." if classes else
                            "Use longer units (token_type bpe or word), or raise min_wav_duration."))


def check_frozen(frozen: object, names: Collection[str]) -> None:
    """Every entry of freeze_param begins a parameter's name, up to a point; ESPnet passes over one that begins none."""
    if not isinstance(frozen, list):
        raise InputError(f"freeze_param is {frozen!r}, not a list. Write freeze_param: [{frozen}].")
    full = [f"network.{name}" for name in names]
    known = {".".join(name.split(".")[:count]) for name in full for count in range(1, name.count(".") + 2)}
    for entry in frozen:
        if entry not in known:
            near = difflib.get_close_matches(str(entry), sorted(known), 1, 0)
            raise InputError(f"freeze_param: the network has no parameter {entry!r}. Did you mean {near[0]}?")


def amount_of(shape_file: Path, may_be_absent: bool) -> Amount | None:
    """By utt2num_samples."""
    if may_be_absent and not shape_file.exists():
        return None
    total = count = 0
    for _, samples in walk_samples(shape_file):
        total, count = total + samples, count + 1
    return Amount(total / SAMPLE_RATE / 3600, count)


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
