"""Stage 2: copies of a data directory at other speeds; stage 3 makes their audio."""

import argparse
from pathlib import Path

from espnet_bljust.command import names, run
from espnet_bljust.data.preparation.perturb import perturb
from espnet_bljust.errors import InputError


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="perturb_data", description=__doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="Kaldi data directory")
    parser.add_argument("--factors", type=names, required=True, help='speeds, e.g. "0.9 1.0 1.1"')
    parser.add_argument("--out_dir", type=Path, required=True, help="e.g. data/<train_set>_sp")
    return parser


def main(options: argparse.Namespace) -> None:
    if options.out_dir.resolve() == options.data_dir.resolve():
        raise InputError(f"--out_dir {options.out_dir}: is --data_dir itself. Give another folder.")
    utterances = perturb(options.data_dir, options.factors, options.out_dir)
    print(f"{options.out_dir}: {utterances} utterances at speeds {' '.join(options.factors)}")


if __name__ == "__main__":
    run(get_parser(), main)
