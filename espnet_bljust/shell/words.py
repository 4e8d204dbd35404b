"""The words of an option that holds several, as a shell parts them, each ended by NUL: `--a 'b c'` is two. No shell."""

import argparse
import shlex
import sys

from espnet_bljust.command import run
from espnet_bljust.errors import InputError


def write_words(name: str, text: str) -> None:
    """Nothing is expanded: quotes and backslashes only hold words together. ``name``: of the option, for the error."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"--{name} {text!r}: {str(error).lower()}. Balance the quotes.") from None
    sys.stdout.buffer.write(b"".join(word.encode(errors="surrogateescape") + b"\0" for word in words))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of the option, for the error")
    parser.add_argument("words")
    return parser


if __name__ == "__main__":
    run(get_parser(), lambda options: write_words(options.name, options.words))
