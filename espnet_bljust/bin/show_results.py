"""RESULTS.md of a recipe: the scores of all its experiments, newest first, as ESPnet's show_asr_result.sh has them."""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.scoring.results import gather


def main(options: argparse.Namespace) -> None:
    text, number = gather(options.expdir)
    write_atomic(options.out, text)
    print(f"{options.out}: {number} {'experiment' if number == 1 else 'experiments'}")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments")
    parser.add_argument("--out", type=Path, default=Path("RESULTS.md"), help="file to write")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
