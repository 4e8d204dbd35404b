"""An n-gram model by KenLM's lmplz, and the units of text that any estimator is fed with."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from espnet_bljust.data.text.arpa import word_of
from espnet_bljust.data.text.tokens import Tokenizer
from espnet_bljust.disk.files import sync
from espnet_bljust.errors import InputError

UNITS = ("auto", "token", "word")  # that a model may count; auto: by what a dev set holds, or by the model's words


def sentences(texts: Iterable[str], tokenizer: Tokenizer | None = None) -> Iterator[list[str]]:
    """The words of each text, or what ``tokenizer`` makes of it."""
    for text in texts:
        if tokenizer is None:
            yield text.split()
        else:
            yield [word_of(tokenizer.vocabulary[token]) for token in tokenizer.encode(text)]


def transcripts(texts: Sequence[Path], left_out: tuple[str, ...] = ()) -> Iterator[str]:
    """What stands behind the ids, file by file, but for ids that begin with one of ``left_out``.

    Unlike other tables these need not be sorted, nor fit into memory.
    """
    for path in texts:
        if not path.is_file():
            raise InputError(f"{path}: no such text. Check --lm_train_text.")
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    parts = line.decode().split(maxsplit=1)
                except UnicodeDecodeError:
                    raise InputError(f"{path}:{number}: not UTF-8. Convert: iconv -t UTF-8.") from None
                if len(parts) == 2 and not parts[0].startswith(left_out):
                    yield parts[1].rstrip()


def by_lmplz(lmplz: str, units: Iterable[list[str]], order: int, path: Path) -> None:
    """Feed lmplz; ESPnet's options, and <unk> in the text is left out instead of refused."""
    temporary = path.with_name(path.name + ".tmp")
    command = [lmplz, "-S", "20%", "--discount_fallback", "--skip_symbols", "-o", str(order)]
    with temporary.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE)
        try:
            with process.stdin:
                for words in units:
                    process.stdin.write((" ".join(words) + "\n").encode())
        except BrokenPipeError:
            pass  # its status tells
        said = process.stderr.read().decode(errors="replace").strip().splitlines()
        status = process.wait()
        sync(out)
    if status != 0:
        raise InputError(f"{lmplz}: ended with status {status}: {said[-1] if said else 'no message'}. Give "
                         "more text or a lower --ngram_num.")
    os.replace(temporary, path)
