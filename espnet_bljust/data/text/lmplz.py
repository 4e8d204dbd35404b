"""An n-gram model by KenLM's lmplz, and the units of text that any estimator is fed with."""

import argparse
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.data.text.arpa import word_of
from espnet_bljust.data.text.tokens import load_tokenizer
from espnet_bljust.disk.files import sync
from espnet_bljust.errors import InputError


def sentences(options: argparse.Namespace, unit: str) -> Iterator[list[str]]:
    """The units, word or token, of each line of the texts."""
    tokenizer = load_tokenizer(options.token_type, options.token_list, options.bpe_model or None, options.nlsyms_txt)
    for text in transcripts(options.text):
        if unit == "word":
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


def by_lmplz(lmplz: str, options: argparse.Namespace, unit: str) -> None:
    """Feed lmplz; ESPnet's options, and <unk> in the text is left out instead of refused."""
    temporary = options.out.with_name(options.out.name + ".tmp")
    command = [lmplz, "-S", "20%", "--discount_fallback", "--skip_symbols", "-o", str(options.order)]
    with temporary.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE)
        try:
            with process.stdin:
                for words in sentences(options, unit):
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
