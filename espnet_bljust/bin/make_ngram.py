"""Stage 5 with `--use_ngram true`: an n-gram language model of the training text, by lmplz where it is on the PATH.

Without lmplz ours is made (data/text/ngram.py): the same model, slower and in memory.
"""

import argparse
import shutil
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.data.text.arpa import arpa_words, write_arpa
from espnet_bljust.data.text.lmplz import by_lmplz, sentences
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.data.text.tokens import TOKEN_TYPES
from espnet_bljust.decoding.search_settings import UNITS
from espnet_bljust.errors import InputError

LONGEST = 6  # that lmplz makes where it is built as it comes


def main(options: argparse.Namespace) -> None:
    if not 2 <= options.order <= LONGEST:
        raise InputError(f"--ngram_num {options.order}: not 2 to {LONGEST}. Give one of these.")
    for text in options.text:
        for held_out in options.held_out:
            if text.exists() and held_out.exists() and text.samefile(held_out):
                raise InputError(f"{text}: the text of a dev or test set. A language model never learns from it.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lmplz = shutil.which("lmplz")
    if lmplz:
        by_lmplz(lmplz, options)
    else:
        write_arpa(options.out, estimate(sentences(options), options.order))
    how = "lmplz" if lmplz else "our estimator"
    print(f"{options.out}: {options.order}-grams of {options.unit}s by {how}, {len(arpa_words(options.out))} different")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make_ngram", description=__doc__)
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="files of `id words` lines")
    parser.add_argument("--held_out", type=Path, nargs="*", default=[], help="texts that must not be among them")
    parser.add_argument("--out", type=Path, required=True, help="ARPA file")
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--unit", choices=UNITS, default="token")
    parser.add_argument("--token_type", choices=TOKEN_TYPES, default="bpe")
    parser.add_argument("--token_list", type=Path, required=True)
    parser.add_argument("--bpe_model", default="")
    parser.add_argument("--nlsyms_txt", default="none")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
