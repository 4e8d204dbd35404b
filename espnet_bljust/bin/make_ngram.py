"""Stage 5 with `--use_ngram true`: an n-gram language model of the training text, by lmplz where it is on the PATH.

Without lmplz ours is made (data/text/ngram.py): the same model, slower and in memory.
"""

import argparse
import shutil
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.data.preparation.perturb import copies_beside_one
from espnet_bljust.data.text.arpa import arpa_words, write_arpa
from espnet_bljust.data.text.lmplz import by_lmplz, sentences, transcripts
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.data.text.tokens import TOKEN_TYPES, load_tokenizer, read_token_list
from espnet_bljust.decoding.language_model import ends_words
from espnet_bljust.decoding.search_settings import UNITS
from espnet_bljust.errors import InputError

LONGEST = 6  # that lmplz makes where it is built as it comes
MOST_UNKNOWN = 0.02  # of the dev set's words, from which on a closed vocabulary costs more than it gives


def main(options: argparse.Namespace) -> None:
    if not 2 <= options.order <= LONGEST:
        raise InputError(f"--ngram_num {options.order}: not 2 to {LONGEST}. Give one of these.")
    for text in options.text:
        for held_out in options.held_out:
            if text.exists() and held_out.exists() and text.samefile(held_out):
                raise InputError(f"{text}: the text of a dev or test set. A language model never learns from it.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    unit, why = (options.unit, "") if options.unit != "auto" else choose_unit(options)
    tokenizer = None
    if unit == "token":
        tokenizer = load_tokenizer(options.token_type, options.token_list, options.bpe_model or None,
                                   options.nlsyms_txt)
    units = sentences(transcripts(options.text, copies_beside_one(options.speed_factors.split())), tokenizer)
    lmplz = shutil.which("lmplz")
    if lmplz:
        by_lmplz(lmplz, units, options.order, options.out)
    else:
        write_arpa(options.out, estimate(units, options.order))
    how = "lmplz" if lmplz else "our estimator"
    print(f"{options.out}: {options.order}-grams of {unit}s by {how}, {len(arpa_words(options.out))} different{why}")


def choose_unit(options: argparse.Namespace) -> tuple[str, str]:
    """Words, where tokens end them and the dev set has hardly one that the text has not; and the reason."""
    if not options.dev_text:
        raise InputError("--unit auto: no dev set to look at. Give --dev_text, or the unit.")
    known = {word for text in transcripts(options.text) for word in text.split()}
    words = [word for text in transcripts([options.dev_text]) for word in text.split()]
    unknown = sum(word not in known for word in words) / max(len(words), 1)
    if not ends_words(read_token_list(options.token_list)):
        return "token", "; no token ends a word"
    unit = "word" if unknown < MOST_UNKNOWN else "token"
    return unit, f"; {unknown:.1%} of the dev set's words are not in its text"


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make_ngram", description=__doc__)
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
    parser.add_argument("--speed_factors", default="", help="of the copies in --text: a text counts once")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
