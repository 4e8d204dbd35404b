"""Stage 5: the token list of the training text and, for `--token_type bpe`, the SentencePiece model."""

import argparse
from pathlib import Path

from espnet_bljust.command import run, seed
from espnet_bljust.data.preparation.make_tokens import make_tokens
from espnet_bljust.data.text.token_list import BpeOptions, Symbols
from espnet_bljust.data.text.tokens import TOKEN_TYPES


def main(options: argparse.Namespace) -> None:
    """Make them, say how many there are."""
    pieces = [piece for piece in options.bpe_nlsyms.split(",") if piece]
    bpe = BpeOptions(options.nbpe, options.bpemode, options.bpe_char_cover,
                     int(options.bpe_input_sentence_size), pieces)
    made = make_tokens(
        options.text, options.out_dir, options.token_type, special=Symbols(options.blank, options.oov, options.sos_eos),
        nlsyms_txt=options.nlsyms_txt, bpe=bpe if options.token_type == "bpe" else None, seed=options.seed)
    print(f"{made.path}: {made.size} tokens ({options.token_type}), {made.tokens} in the text, {made.unknown} unknown")
    if made.changed:
        counts = made.changed.most_common()
        named = ", ".join(f"{character} (U+{ord(character):04X}) {count}" for character, count in counts)
        print(f"WARNING: these tokens cannot spell, in so many transcripts: {named}. A perfect recogniser has these "
              "errors. Raise --bpe_char_cover to 1, or take --token_type char.")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True, help="training transcripts, a Kaldi table")
    parser.add_argument("--out_dir", type=Path, required=True, help="folder of tokens.txt and bpe.model")
    parser.add_argument("--token_type", choices=TOKEN_TYPES, default="bpe")
    parser.add_argument("--nlsyms_txt", default="none", help="symbols that stay whole, one a line (default: none)")
    parser.add_argument("--oov", default=Symbols.unknown)
    parser.add_argument("--blank", default=Symbols.blank)
    parser.add_argument("--sos_eos", default=Symbols.sos_eos)
    parser.add_argument("--nbpe", type=int, default=BpeOptions.nbpe, help="length of the token list with bpe")
    parser.add_argument("--bpemode", choices=("unigram", "bpe", "char", "word"), default=BpeOptions.bpemode)
    parser.add_argument("--bpe_char_cover", type=float, default=BpeOptions.char_cover)
    parser.add_argument("--bpe_input_sentence_size", type=float, default=BpeOptions.input_sentence_size)
    parser.add_argument("--bpe_nlsyms", default="", help="symbols that stay whole in bpe, with commas between them")
    parser.add_argument("--seed", type=seed, default=0)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
