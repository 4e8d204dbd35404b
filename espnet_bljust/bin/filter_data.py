"""Stage 4: remove what cannot or must not be trained on; fix the labelled subset and the unlabelled pool."""

import argparse
from pathlib import Path

from espnet_bljust.command import names, run, sampling_rate, true_false
from espnet_bljust.data.preparation.filter import Bounds, HeldOut, write_kept, write_training_sets
from espnet_bljust.data.preparation.formatted_set import (
    open_formatted,
    place_subset,
)
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
    parser.add_argument("--labelled_dir", type=Path, required=True, help="what keeps its text")
    parser.add_argument("--pool_dir", type=Path, required=True, help="speech for the self-supervised part")
    return parser


def main(options: argparse.Namespace) -> None:
    check_names(options)
    bounds = Bounds(options.min_wav_duration, options.max_wav_duration, options.fs)
    if not 0 <= bounds.min_seconds < bounds.max_seconds:
        raise InputError("--min_wav_duration: not between 0 and --max_wav_duration. Correct one of them.")
    texted = {options.train_set, options.valid_set, *options.test_sets}
    valid = [*options.unlabelled_valid_set, options.valid_set]
    every = dict.fromkeys([options.train_set, *options.unlabelled_sets, *valid, *options.test_sets])
    sets = {name: open_formatted(options.org_dir / name, require_text=name in texted) for name in every}
    held = HeldOut()
    held.hold(sets[name] for name in dict.fromkeys([*valid, *options.test_sets]))
    gone = sum(write_kept(options, data, held, bounds) for data in sets.values())
    for name in sets:
        place_subset(options.dump_dir / name)
    print(f"{write_training_sets(options, sets)}; {gone} removed, see */removed.txt")


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


if __name__ == "__main__":
    run(get_parser(), main)
