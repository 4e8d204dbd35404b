"""Draw exp/<tag>/images/training.png from history.jsonl."""

import argparse
from pathlib import Path

from espnet_bljust.command import run


def main(options: argparse.Namespace) -> None:
    """Read the history, draw it."""
    from espnet_bljust.training.picture import draw_run

    picture = options.exp_dir / "images" / "training.png"
    history = draw_run(options.exp_dir, picture)
    print(f"{picture}: {len(history.train)} training and {len(history.valid)} validation entries")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment with history.jsonl")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
