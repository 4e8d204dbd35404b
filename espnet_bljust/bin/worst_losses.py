"""Stage 11, the end: the utterances of training and dev set with the worst loss a character, to mend data by.

Writes worst_train.txt and worst_dev.txt into the experiment's folder (docs/your_corpus.md).
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run


def main(options: argparse.Namespace) -> None:
    """Write the lists, say where they are."""
    from espnet_bljust.decoding.worst_losses import write_worst

    for line in write_worst(options.exp_dir, options.exp_dir / options.model):
        print(line)


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment with train.yaml and weights")
    parser.add_argument("--model", default="average.pth", help="file of its weights (default: average.pth)")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
