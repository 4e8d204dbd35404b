"""ARPA files of n-gram language models: log10 p, the n-gram, log10 of the back-off weight, between tabs."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from espnet_bljust.data.text.ngram import END, START, UNKNOWN, NgramModel
from espnet_bljust.errors import InputError

LEAST = -99.0  # log10 of a probability of 0, as SRILM writes it
LINES = 65536  # made at once


def write_arpa(path: Path, model: NgramModel) -> None:
    """Stream ``model`` to ``path`` through ``<path>.tmp``."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n")
        file.writelines(f"ngram {n}={len(grams.word)}\n" for n, grams in enumerate(model.orders, 1))
        for n in range(1, len(model.orders) + 1):
            file.write(f"\n\\{n}-grams:\n")
            file.writelines(_lines(model, n))
        file.write("\n\\end\\\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _lines(model: NgramModel, n: int) -> Iterator[str]:
    size = len(model.orders[n - 1].word)
    for first in range(0, size, LINES):
        part = slice(first, min(first + LINES, size))
        columns = [_log10(model.probability[n - 1][part]), _names(model, n, part)]
        if n < len(model.orders):
            columns.append(_log10(model.backoff[n - 1][part]))
        for row in zip(*columns, strict=True):
            yield "\t".join(row) + "\n"


def _log10(values: np.ndarray) -> list[str]:
    logarithms = np.full(len(values), LEAST)
    np.log10(values, out=logarithms, where=values > 0)
    return [f"{value:.7g}" for value in logarithms]


def _names(model: NgramModel, n: int, part: slice) -> list[str]:
    """The n-grams of ``part``, words between spaces."""
    index = np.arange(part.start, part.stop)
    columns = []
    for grams in model.orders[n - 1 :: -1]:
        columns.append([model.vocabulary[word] for word in grams.word[index]])
        index = grams.history[index]
    return [" ".join(words) for words in zip(*columns[::-1], strict=True)]


def word_of(token: str) -> str:
    """A token's name in a language model, where white space cannot stand."""
    return "".join(f"<{ord(letter):x}>" if letter.isspace() else letter for letter in token)


def arpa_order(path: Path) -> int:
    """The highest order that the head of the file names."""
    order = 0
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("ngram "):
                    order = max(order, int(line[6:].partition("=")[0]))
                elif order or not (line.isspace() or line.startswith("\\data\\")):
                    break
    except FileNotFoundError:
        raise InputError(f"{path}: no such language model. Run stage 5 with --use_ngram true.") from None
    except (UnicodeDecodeError, ValueError):
        order = 0
    if not order:
        raise InputError(f"{path}: not an ARPA file. Give the .arpa that stage 5 or lmplz wrote, not a binary of it.")
    return order


def arpa_words(path: Path) -> list[str]:
    """The words of an ARPA file's unigrams but <s>, </s> and <unk>."""
    arpa_order(path)
    words, inside = [], False
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if inside and line.startswith(b"\\"):
                break
            if inside and line.strip():
                try:
                    words.append(line.decode().split()[1])
                except (UnicodeDecodeError, IndexError):
                    raise InputError(f"{path}:{number}: no probability and word. Make the model again.") from None
            inside = inside or line.strip() == b"\\1-grams:"
    return [word for word in words if word not in (START, END, UNKNOWN)]
