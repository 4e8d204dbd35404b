"""ARPA files of n-gram language models, read into arrays."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet_bljust.data.text.arpa import arpa_order
from espnet_bljust.errors import InputError

Lines = Iterator[tuple[int, bytes]]


class ArpaOrder(NamedTuple):
    """The n-grams of one length, in the file's order."""

    words: np.ndarray  # (ngram, order) places in ArpaModel.words
    log10: np.ndarray  # (ngram,) log10 p of the last word behind the others
    backoff: np.ndarray  # (ngram,) log10 of the back-off weight, 0 where none is written


class ArpaModel(NamedTuple):
    """words[i] is the i-th unigram."""

    words: list[str]
    orders: list[ArpaOrder]


def read_arpa(path: Path) -> ArpaModel:
    """A whole model, some two seconds for a million n-grams; InputError names the line that cannot be read."""
    arpa_order(path)  # names what is no ARPA file at all
    index: dict[bytes, int] = {}
    with path.open("rb") as file:
        lines = ((number, line.strip()) for number, line in enumerate(file, 1) if not line.isspace())
        counts = _counts(path, lines)
        orders = []
        for order, count in enumerate(counts, 1):
            if order > 1:
                _expect(path, lines, f"\\{order}-grams:")
            orders.append(_read_order(path, lines, count, order, index))
        _expect(path, lines, "\\end\\")
    try:
        return ArpaModel([word.decode() for word in index], orders)
    except UnicodeDecodeError:
        raise InputError(f"{path}: a word is not UTF-8. Convert: iconv -t UTF-8.") from None


def _counts(path: Path, lines: Lines) -> list[int]:
    """The numbers of n-grams that the head names, by order; reads on to the first n-gram."""
    counts = []
    for number, line in lines:
        if line == b"\\1-grams:":
            return counts
        if line.startswith(b"ngram "):
            counts.append(_count(path, number, line, len(counts) + 1))
    raise InputError(f"{path}: has no \\1-grams: in it. Make the model again.")


def _count(path: Path, number: int, line: bytes, order: int) -> int:
    """What "ngram <order>=<count>" says; no count is larger than the file, whose n-grams take at least a byte each."""
    named, _, digits = line.removeprefix(b"ngram ").partition(b"=")
    if named.strip() == b"%d" % order and digits.strip().isdigit() and len(digits) < 20:
        count = int(digits)
        if count <= path.stat().st_size:
            return count
    raise InputError(f"{path}:{number}: {line.decode(errors='replace')[:40]} where ngram {order}=<how many> should "
                     "stand. The file is cut or damaged: make the model again.")


def _expect(path: Path, lines: Lines, wanted: str) -> None:
    number, line = next(lines, (None, b"its end"))
    if line != wanted.encode():
        place = f"{path}:{number}" if number else str(path)
        raise InputError(f"{place}: {line.decode(errors='replace')[:40]} where {wanted} should stand. "
                         "The file is cut or damaged: make the model again.")


def _read_order(path: Path, lines: Lines, count: int, order: int, index: dict[bytes, int]) -> ArpaOrder:
    """``count`` lines; those of order 1 fill ``index``, the places of the words."""
    words = np.empty((count, order), np.int64)
    log10, backoff = np.empty(count), np.zeros(count)
    row = -1
    for row, (number, line) in zip(range(count), lines, strict=False):
        fields = line.split()  # of bytes: at ASCII's white space alone, as no other ends a word
        try:
            if order == 1:
                index[fields[1]] = row
            log10[row], backoff[row] = float(fields[0]), float(fields[order + 1]) if len(fields) > order + 1 else 0.0
            words[row] = [index[word] for word in fields[1 : order + 1]]
        except (ValueError, IndexError, KeyError):
            raise InputError(f"{path}:{number}: not log10 p, {order} words of the unigrams, log10 of a back-off "
                             "weight. Make the model again.") from None
    if row + 1 < count:
        raise InputError(f"{path}: ends after {row + 1} of {count} {order}-grams. Make the model again.")
    if order == 1 and len(index) < count:
        raise InputError(f"{path}: {count - len(index)} unigrams stand there twice. Make the model again.")
    if not (log10 <= 0).all():
        place = int((log10 <= 0).argmin()) + 1
        raise InputError(f"{path}: its {order}-gram {place} has p above 1. Make the model again.")
    return ArpaOrder(words, log10, backoff)
