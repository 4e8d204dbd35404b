"""Stage 5: the token list of the training text and, for `--token_type bpe`, the SentencePiece model."""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.data.text.token_list import BpeOptions, Symbols, count_tokens, write_bpe, write_token_list
from espnet_bljust.data.text.tokens import TOKEN_TYPES, load_tokenizer, read_symbols
from espnet_bljust.disk.problems import raise_problems


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make_tokens", description=__doc__)
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
    parser.add_argument("--seed", type=int, default=0)
    return parser


class Texts:
    """The transcripts of a table, from the start at each loop, one in memory at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[str]:
        problems: list[str] = []
        for number, key, value in walk_table(self.path, problems):
            if not value:
                problems.append(f"{self.path}:{number}: {key} has nothing after it. Add its words, or drop the line.")
            yield value
        raise_problems(problems, self.path.with_name(self.path.name + ".problems.txt"))


def main(options: argparse.Namespace) -> None:
    texts = Texts(options.text)
    symbols = read_symbols(options.nlsyms_txt)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    model = None
    if options.token_type == "bpe":
        pieces = [piece for piece in options.bpe_nlsyms.split(",") if piece]
        bpe = BpeOptions(
            options.nbpe,
            options.bpemode,
            options.bpe_char_cover,
            int(options.bpe_input_sentence_size),
            symbols + pieces,
        )
        tokens, model = write_bpe(texts, options.out_dir, bpe, options.seed), options.out_dir / "bpe.model"
    else:
        tokens = count_tokens(texts, options.token_type, symbols)
    path = options.out_dir / "tokens.txt"
    vocabulary = Symbols(options.blank, options.oov, options.sos_eos).around(tokens)
    write_token_list(path, vocabulary)
    tokenizer = load_tokenizer(options.token_type, path, model, options.nlsyms_txt)
    ids = Counter(index for text in texts for index in tokenizer.encode(text))
    print(f"{path}: {len(vocabulary)} tokens ({options.token_type}), {ids.total()} in the text, {ids[1]} unknown")


if __name__ == "__main__":
    run(get_parser(), main)
