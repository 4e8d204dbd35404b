"""Stage 11: average the n best (by dev CER) or the last n epochs of an experiment: average.pth and average.json."""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.scoring.measures import measures


def main(options: argparse.Namespace) -> None:
    """Average, say which epochs it was."""
    from espnet_bljust.training.average import average_epochs

    made = average_epochs(options.exp_dir, options.nbest, options.mode)
    print(f"{options.exp_dir / 'average.pth'}: {made.line(measures(options.exp_dir).rate)}")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment with history.jsonl and <n>epoch.pth")
    parser.add_argument("--nbest", type=int, default=5, help="how many epochs; fewer where fewer were kept")
    parser.add_argument("--mode", choices=["best", "last"], default="best", help="lowest dev CER, or the latest")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
