"""Stage 13 of a classification: accuracy, unweighted average recall and the confusion matrix of one data set."""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.scoring.same_utterances import check_same_utterances


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ref", type=Path, required=True, help="text of the set: the class of each utterance")
    parser.add_argument("--hyp", type=Path, required=True, help="text of the decoder, same utterances")
    parser.add_argument("--out_dir", type=Path, required=True, help="decode_<name>/<set>/score_class")
    return parser


def main(options: argparse.Namespace) -> None:
    """Count, write the numbers and the picture."""
    from espnet_bljust.data.kaldi.tables import read_table
    from espnet_bljust.scoring.confusion import RESULT, count, write_confusion
    from espnet_bljust.scoring.confusion_figure import draw_confusion

    references, hypotheses = read_table(options.ref), read_table(options.hyp, allow_empty=True)
    check_same_utterances(references, hypotheses, options)
    found = count(references, hypotheses)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    write_confusion(options.out_dir / RESULT, found)
    draw_confusion(found, options.out_dir / "confusion.png", title=options.out_dir.parent.name)
    print(f"{options.out_dir}: {found.line()}")


if __name__ == "__main__":
    run(build_parser(), main)
