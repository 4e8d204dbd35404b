"""Stage 2: copies of a data directory at other speeds; stage 3 makes their audio."""

import argparse
from pathlib import Path

from espnet_bljust.command import names, run
from espnet_bljust.data.preparation.perturb import perturb


def main(options: argparse.Namespace) -> None:
    """Write the copies, say how many utterances there are now."""
    utterances = perturb(options.data_dir, options.factors, options.out_dir)
    print(f"{options.out_dir}: {utterances} utterances at speeds {' '.join(options.factors)}")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="Kaldi data directory")
    parser.add_argument("--factors", type=names, required=True, help='speeds, e.g. "0.9 1.0 1.1"')
    parser.add_argument("--out_dir", type=Path, required=True, help="e.g. data/<train_set>_sp")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
