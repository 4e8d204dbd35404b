"""Stage 4: remove what cannot or must not be trained on; fix the labelled subset and the unlabelled pool."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.bin.command import run
from espnet_bljust.bin.flags import names, sampling_rate, true_false
from espnet_bljust.data.filter import Bounds, HeldOut, unfit
from espnet_bljust.data.formatted_set import (
    TABLES,
    FormattedSet,
    Utterance,
    open_formatted,
    place_subset,
    write_subset,
)
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


def write_kept(options: argparse.Namespace, data: FormattedSet, held: HeldOut, bounds: Bounds) -> int:
    """One filtered set, not yet in its place; how many utterances were removed from it."""
    trains = data.name in (options.train_set, *options.unlabelled_sets)
    if trains:
        held.look_for_copies(data)

    def decided() -> Iterator[tuple[Utterance, str]]:
        for utterance in data:
            reason = "" if data.name in options.test_sets else unfit(utterance, bounds)
            yield utterance, reason or (held.reason(utterance) if trains else "")

    path = options.dump_dir / data.name
    kept = write_subset(path, decided(), data.tables)
    if not kept.utterances:
        raise InputError(f"{data.path}: nothing is left of {kept.removed} utterances; {kept.first_reason}. "
                         "Change --min_wav_duration or --max_wav_duration, or the set.")
    show(path, kept.utterances, kept.utterances + kept.removed, kept.samples / options.fs)
    return kept.removed


def write_training_sets(options: argparse.Namespace, sets: dict[str, FormattedSet]) -> str:
    """The labelled subset and the pool; the begin of the command's last line."""
    rate, train = options.fs, open_formatted(options.dump_dir / options.train_set)
    chosen = choose_labelled(train, options.labels, rate=rate, seed=options.seed, source=sets[train.name])
    labelled_path, pool_path = (options.dump_dir / f"{train.name}_{part}" for part in ("labelled", "pool"))
    decided = ((utterance, "" if is_one else "not_chosen") for utterance, is_one in zip(train, chosen, strict=True))
    labelled = write_subset(labelled_path, decided, train.tables)
    place_subset(labelled_path)
    show(labelled_path, labelled.utterances, len(chosen), labelled.samples / rate)
    members = [train, *(open_formatted(options.dump_dir / name) for name in options.unlabelled_sets)]
    tables = [name for name in TABLES if name != "text" and all(name in data.tables for data in members)]
    out = None if options.ssl_on_labelled else chosen
    pool = write_subset(pool_path, make_pool(members, out, options.dump_dir / "pool_id_clashes.txt"), tables)
    if not pool.utterances:
        raise InputError("the pool of unlabelled speech is empty. Add --unlabelled_sets, or --ssl_on_labelled true.")
    place_subset(pool_path)
    show(pool_path, pool.utterances, pool.utterances + pool.removed, pool.samples / rate)
    return (f"{options.dump_dir}: {labelled.utterances} labelled utterances ({labelled.samples / rate / 3600:.2f} h), "
            f"pool of {pool.utterances} ({pool.samples / rate / 3600:.2f} h)")


def show(path: Path, kept: int, total: int, seconds: float) -> None:
    """One line on stderr for a set that lost something."""
    if kept < total:
        print(f"{path}: {kept} of {total} utterances kept, {seconds / 3600:.2f} h", file=sys.stderr)


if __name__ == "__main__":
    run(get_parser(), main)
