"""Stage 5 with `--use_ngram true`: an n-gram language model of the training text, by lmplz where it is on the PATH.

Without lmplz ours is made (data/ngram.py): the same model, slower and in memory.
"""

import argparse
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.bin.beam_search import LONGEST_NGRAM
from espnet_bljust.bin.command import run
from espnet_bljust.bin.search_settings import UNITS
from espnet_bljust.data.arpa import arpa_words, word_of, write_arpa
from espnet_bljust.data.files import sync
from espnet_bljust.data.ngram import estimate
from espnet_bljust.data.tokens import TOKEN_TYPES, load_tokenizer
from espnet_bljust.errors import InputError


def main(options: argparse.Namespace) -> None:
    if not 2 <= options.order <= LONGEST_NGRAM:
        raise InputError(f"--ngram_num {options.order}: KenLM reads orders 2 to {LONGEST_NGRAM}. Give one of these.")
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


def sentences(options: argparse.Namespace) -> Iterator[list[str]]:
    """The units of each line of the texts."""
    tokenizer = load_tokenizer(options.token_type, options.token_list, options.bpe_model or None, options.nlsyms_txt)
    for text in transcripts(options.text):
        if options.unit == "word":
            yield text.split()
        else:
            yield [word_of(tokenizer.vocabulary[token]) for token in tokenizer.encode(text)]


def transcripts(texts: list[Path]) -> Iterator[str]:
    """What stands behind the ids, file by file; unlike other tables these need not be sorted, nor fit into memory."""
    for path in texts:
        if not path.is_file():
            raise InputError(f"{path}: no such text. Check --lm_train_text.")
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    parts = line.decode().split(maxsplit=1)
                except UnicodeDecodeError:
                    raise InputError(f"{path}:{number}: not UTF-8. Convert: iconv -t UTF-8.") from None
                if len(parts) == 2:
                    yield parts[1].rstrip()


def by_lmplz(lmplz: str, options: argparse.Namespace) -> None:
    """Feed lmplz; ESPnet's options, and <unk> in the text is left out instead of refused."""
    temporary = options.out.with_name(options.out.name + ".tmp")
    command = [lmplz, "-S", "20%", "--discount_fallback", "--skip_symbols", "-o", str(options.order)]
    with temporary.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE)
        try:
            with process.stdin:
                for words in sentences(options):
                    process.stdin.write((" ".join(words) + "\n").encode())
        except BrokenPipeError:
            pass  # its status tells
        said = process.stderr.read().decode(errors="replace").strip().splitlines()
        status = process.wait()
        sync(out)
    if status != 0:
        raise InputError(f"{lmplz}: ended with status {status}: {said[-1] if said else 'no message'}. Give "
                         "more text or a lower --ngram_num.")
    os.replace(temporary, options.out)


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
