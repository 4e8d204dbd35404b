"""Stage 5 with `--use_ngram true`: an n-gram language model of the training text, by lmplz where it is on the PATH.

Without lmplz ours is made (data/text/ngram.py): the same model, slower and in memory.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import names, run
from espnet_bljust.data.preparation.make_ngram import Texts, Units, make_ngram
from espnet_bljust.data.text.lmplz import UNITS
from espnet_bljust.data.text.tokens import TOKEN_TYPES


def main(options: argparse.Namespace) -> None:
    """Make it, say how."""
    texts = Texts(options.text, options.held_out, options.dev_text, options.speed_factors)
    units = Units(options.unit, options.token_type, options.token_list, options.bpe_model, options.nlsyms_txt)
    made = make_ngram(texts, units, options.order, options.out)
    print(f"{options.out}: {options.order}-grams of {made.unit}s by {made.how}, {made.different} different"
          + (f"; {made.why}" if made.why else ""))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="files of `id words` lines")
    parser.add_argument("--held_out", type=Path, nargs="*", default=[], help="texts that must not be among them")
    parser.add_argument("--out", type=Path, required=True, help="ARPA file")
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--unit", choices=UNITS, default="auto")
    parser.add_argument("--dev_text", type=Path, help="text of the dev set, for --unit auto")
    parser.add_argument("--token_type", choices=TOKEN_TYPES, default="bpe")
    parser.add_argument("--token_list", type=Path, required=True)
    parser.add_argument("--bpe_model", default="")
    parser.add_argument("--nlsyms_txt", default="none")
    parser.add_argument("--speed_factors", type=names, default=[], help="of the copies in --text: a text counts once")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
