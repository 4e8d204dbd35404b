"""Stage 4: remove what cannot or must not be trained on; fix the labelled subset and the unlabelled pool."""

import argparse
import sys
from pathlib import Path

from espnet_bljust.bin.command import run
from espnet_bljust.bin.flags import names, sampling_rate, true_false
from espnet_bljust.data.filter import Bounds, held_out, unfit
from espnet_bljust.data.formatted_set import FormattedSet, read_formatted, write_subset
from espnet_bljust.data.subsets import choose_labelled, make_pool
from espnet_bljust.errors import InputError


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="filter_data", description=__doc__)
    parser.add_argument("--org_dir", type=Path, default=Path("dump/raw/org"), help="what stage 3 made")
    parser.add_argument("--dump_dir", type=Path, default=Path("dump/raw"))
    parser.add_argument("--train_set", required=True)
    parser.add_argument("--unlabelled_sets", type=names, default=[], help="names with spaces between them")
    parser.add_argument("--unlabelled_valid_set", type=names, default=[], help="to measure g on: kept out of training")
    parser.add_argument("--valid_set", required=True)
    parser.add_argument("--test_sets", type=names, default=[], help="names with spaces between them")
    parser.add_argument("--min_wav_duration", type=float, default=Bounds.min_seconds, help="seconds (default: 0.1)")
    parser.add_argument("--max_wav_duration", type=float, default=Bounds.max_seconds, help="seconds (default: 20)")
    parser.add_argument("--labels", default="all", help="all, a share (0.3), an amount (1h, 10min), or a file of ids")
    parser.add_argument("--ssl_on_labelled", type=true_false, default=True, help="labelled speech in the pool, too")
    parser.add_argument("--fs", type=sampling_rate, default=Bounds.rate, help="Hz (default: 16000)")
    parser.add_argument("--seed", type=int, default=0, help="chooses the labelled utterances")
    return parser


def main(options: argparse.Namespace) -> None:
    check_names(options)
    bounds = Bounds(options.min_wav_duration, options.max_wav_duration, options.fs)
    if not 0 <= bounds.min_seconds < bounds.max_seconds:
        raise InputError("--min_wav_duration: not between 0 and --max_wav_duration. Correct one of them.")
    texted = {options.train_set, options.valid_set, *options.test_sets}
    valid = [*options.unlabelled_valid_set, options.valid_set]
    every = dict.fromkeys([options.train_set, *options.unlabelled_sets, *valid, *options.test_sets])
    sets = {name: read_formatted(options.org_dir / name, require_text=name in texted) for name in every}
    evaluation = [sets[name] for name in dict.fromkeys([*valid, *options.test_sets])]
    removed = {}
    for name, data in sets.items():
        training = name == options.train_set or name in options.unlabelled_sets
        reasons = {} if name in options.test_sets else unfit(data, bounds)
        removed[name] = (held_out(data, evaluation) if training else {}) | reasons
    for name, data in sets.items():
        kept = write_kept(options.dump_dir / name, data, removed[name])
        show(options.dump_dir / name, len(kept), len(data.wavs), data.seconds(options.fs, kept))
    print(write_training_sets(options, sets, removed))


def check_names(options: argparse.Namespace) -> None:
    """Sets that are trained on are no dev or test sets, and no name is one of ours."""
    training = [options.train_set, *options.unlabelled_sets]
    evaluation = [*options.unlabelled_valid_set, options.valid_set, *options.test_sets]
    for name in [*training, *evaluation]:
        if name == "org" or name.endswith((".tmp", ".old")) or "/" in name:
            raise InputError(f"set {name}: not a name for a set here. Rename it.")
    for name in training:
        if name in evaluation:
            raise InputError(f"set {name}: both trained on and evaluated on. Correct --valid_set or --test_sets.")
    if options.train_set in options.unlabelled_sets or len(set(training)) != len(training):
        raise InputError("--unlabelled_sets: a set stands there twice, or is the training set. Name each once.")


def write_kept(path: Path, data: FormattedSet, removed: dict[str, str]) -> list[str]:
    """One filtered set; the utterances kept."""
    kept = [utterance for utterance in data.wavs if utterance not in removed]
    if not kept:
        utterance, reason = next(iter(removed.items()))
        raise InputError(f"{data.path}: nothing is left of {len(data.wavs)} utterances; {utterance}: {reason}. "
                         "Change --min_wav_duration or --max_wav_duration, or the set.")
    write_subset(path, dict.fromkeys(kept, data), removed, with_text=data.text is not None)
    return kept


def write_training_sets(options: argparse.Namespace, sets: dict, removed: dict) -> str:
    """The labelled subset and the pool; the command's last line."""
    train, rate = sets[options.train_set], options.fs
    kept = {
        name: [utterance for utterance in data.wavs if utterance not in removed[name]] for name, data in sets.items()
    }
    labelled = choose_labelled(train, kept[train.name], options.labels, rate=rate, seed=options.seed)
    rest = {utterance: "not_chosen" for utterance in kept[train.name] if utterance not in labelled}
    path = options.dump_dir / f"{train.name}_labelled"
    write_subset(path, dict.fromkeys(sorted(labelled), train), rest, with_text=True)
    show(path, len(labelled), len(kept[train.name]), train.seconds(rate, labelled))
    members = [(sets[name], kept[name]) for name in [train.name, *options.unlabelled_sets]]
    out = None if options.ssl_on_labelled else labelled
    pool, left = make_pool(members, out, options.dump_dir / "pool_id_clashes.txt")
    path = options.dump_dir / f"{train.name}_pool"
    write_subset(path, pool, left, with_text=False)
    pool_seconds = sum(data.num_samples[utterance] for utterance, data in pool.items()) / rate
    show(path, len(pool), sum(len(utterances) for _, utterances in members), pool_seconds)
    gone = sum(map(len, removed.values()))
    return (
        f"{options.dump_dir}: {len(labelled)} labelled utterances ({train.seconds(rate, labelled) / 3600:.2f} h), "
        f"pool of {len(pool)} ({pool_seconds / 3600:.2f} h); {gone} removed, see */removed.txt"
    )


def show(path: Path, kept: int, total: int, seconds: float) -> None:
    """One line on stderr for a set that lost something."""
    if kept < total:
        print(f"{path}: {kept} of {total} utterances kept, {seconds / 3600:.2f} h", file=sys.stderr)


if __name__ == "__main__":
    run(get_parser(), main)
