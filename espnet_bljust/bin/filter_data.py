"""Stage 4: remove what cannot or must not be trained on; fix the labelled subset and the unlabelled pool."""

import argparse
from pathlib import Path

from espnet_bljust.command import names, run, sampling_rate, seed, true_false
from espnet_bljust.data.preparation.filter import Bounds, Labels, SetNames, filter_sets


def main(options: argparse.Namespace) -> None:
    """Filter; say what the training sets are."""
    sets = SetNames(options.train_set, options.unlabelled_sets, options.unlabelled_valid_set, options.valid_set,
                    options.test_sets)
    bounds = Bounds(options.min_wav_duration, options.max_wav_duration, options.fs)
    labels = Labels(options.labelled_dir, options.pool_dir, options.labels, options.ssl_on_labelled, options.seed)
    print(filter_sets(options.org_dir, options.dump_dir, sets, bounds, labels))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
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
    parser.add_argument("--fs", type=sampling_rate, default=Bounds.rate, help="Hz (default: %(default)s)")
    parser.add_argument("--seed", type=seed, default=0, help="chooses the labelled utterances")
    parser.add_argument("--labelled_dir", type=Path, required=True, help="what keeps its text")
    parser.add_argument("--pool_dir", type=Path, required=True, help="speech for the self-supervised part")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
