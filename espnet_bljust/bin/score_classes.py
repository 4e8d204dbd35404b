"""Stage 13 of a classification: accuracy, unweighted average recall and the confusion matrix of one data set."""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.scoring.score_set import score_classes


def main(options: argparse.Namespace) -> None:
    """Count, write the numbers and the picture."""
    print(f"{options.out_dir}: {score_classes(options.ref, options.hyp, options.out_dir).line()}")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ref", type=Path, required=True, help="text of the set: the class of each utterance")
    parser.add_argument("--hyp", type=Path, required=True, help="text of the decoder, same utterances")
    parser.add_argument("--out_dir", type=Path, required=True, help="decode_<name>/<set>/score_class")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
