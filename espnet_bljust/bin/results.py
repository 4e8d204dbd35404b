"""Gather the scores of an experiment in its RESULTS.md and print them as a table."""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.scoring.nothing_recognised import nothing_recognised
from espnet_bljust.scoring.results import write_results


def main(options: argparse.Namespace) -> None:
    """Write RESULTS.md, print its table."""
    wanted = [f"decode_{decoding}/{name}" for name in options.sets.split() for decoding in options.decode_names.split()]
    sets, table = write_results(options.exp_dir, wanted, options.token_type)
    print(table)
    if line := nothing_recognised(options.exp_dir, wanted):
        print(line)
    print(f"{options.exp_dir / 'RESULTS.md'}: {sets} scored {'set' if sets == 1 else 'sets'}")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment with decode_<name>/<set>/score_*")
    parser.add_argument("--decode_names", required=True, help="the <name>s that must have been scored, in quotes")
    parser.add_argument("--token_type", default="char", help="phn: the one rate is the phone error rate")
    parser.add_argument("--sets", required=True, help="data sets that must have been scored, in quotes")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
