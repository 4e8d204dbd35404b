"""The words of an option that holds several, as a shell parts them, each ended by NUL: `--a 'b c'` is two. No shell."""

import argparse
import shlex
import sys

from espnet_bljust.command import run
from espnet_bljust.errors import InputError


def main(options: argparse.Namespace) -> None:
    """Nothing is expanded: quotes and backslashes only hold words together."""
    try:
        words = shlex.split(options.words)
    except ValueError as error:
        raise InputError(f"--{options.name} {options.words!r}: {str(error).lower()}. Balance the quotes.") from None
    sys.stdout.buffer.write(b"".join(word.encode(errors="surrogateescape") + b"\0" for word in words))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="words", description=__doc__)
    parser.add_argument("name", help="of the option, for the error")
    parser.add_argument("words")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
