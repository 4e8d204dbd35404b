"""Every key of a training configuration, with its default, what it may be and its meaning: docs/training_keys.md.

Usage: bljust training_keys > docs/training_keys.md
"""

import argparse

from espnet_bljust.command import run
from espnet_bljust.planning.keys_page import page


def main(options: argparse.Namespace) -> None:
    """Print the page."""
    print(page(), end="")


def get_parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)


if __name__ == "__main__":
    run(get_parser(), main)
