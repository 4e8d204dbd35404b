"""An n-gram language model: interpolated modified Kneser-Ney, the model that KenLM's lmplz estimates.

    p(w|h) = [a(hw) - D(a(hw))] / Σ_x a(hx) + b(h) p(w|h'),    b(h) = Σ_x D(a(hx)) / Σ_x a(hx)
    D(k) = k - (k + 1) Y t_{k+1} / t_k  for k = 1, 2 and 3 or more,    Y = t_1 / (t_1 + 2 t_2)

h' is the history h without its first word; below unigrams lies the uniform distribution over all words but <s>. The
adjusted count a is the number of occurrences for n-grams of full length and for those that begin with <s>, and the
number of different words in front for all others; t_k counts the n-grams with a = k.
Source: Chen & Goodman, Computer Speech & Language 13 (1999), section 3; Heafield et al., ACL 2013, section 3.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from espnet_bljust.errors import InputError

UNKNOWN, START, END = "<unk>", "<s>", "</s>"
FALLBACK = (0.5, 1.0, 1.5)  # discounts where a text is too small for its own; those of lmplz --discount_fallback


class Order(NamedTuple):
    """The n-grams of one length, sorted. An index is the n-gram's place one order below; of unigrams, 0."""

    word: np.ndarray  # (ngram,) the last word's place in the vocabulary
    history: np.ndarray  # (ngram,) index of the n-gram without its last word
    suffix: np.ndarray  # (ngram,) index of the n-gram without its first word
    count: np.ndarray  # (ngram,) occurrences
    at_start: np.ndarray  # (ngram,) bool: begins with <s>


class NgramModel(NamedTuple):
    """orders[n - 1] has the n-grams; p and b(h) are no logarithms."""

    vocabulary: list[str]  # <unk>, <s>, </s>, then the words by code point
    orders: list[Order]
    probability: list[np.ndarray]
    backoff: list[np.ndarray]  # of every order but the highest; 1 where nothing follows
    discounts: list[tuple[float, ...]]


def estimate(sentences: Iterable[Sequence[str]], order: int) -> NgramModel:
    """The model of ``sentences``; its order is lower than ``order`` where no sentence is long enough.

    Memory grows with the number of words: about 40 bytes a word and order.
    """
    vocabulary, words, place = _index(sentences)
    orders = [_unigrams(words, len(vocabulary))]
    last = words
    for length in range(2, order + 1):
        if not (place >= length - 1).any():
            break
        grams, last = _longer(words, place, last, length)
        orders.append(grams)
    probability, backoff, discounts = [np.full(1, 1 / (len(vocabulary) - 1))], [], []  # below unigrams: uniform
    for grams, above in zip(orders, [*orders[1:], None], strict=True):
        discount, here, weight = _smooth(grams, above, probability[-1])
        discounts.append(discount)
        probability.append(here)
        backoff.append(weight)
    return NgramModel(vocabulary, orders, probability[1:], backoff[1:], discounts)


def _index(sentences: Iterable[Sequence[str]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Vocabulary; the text as places in it, sentences between <s> and </s>; each word's place in its sentence."""
    known = {UNKNOWN: 0, START: 1, END: 2}
    stream, lengths = array("q"), array("q")
    for number, sentence in enumerate(sentences, 1):
        if not sentence:
            continue
        for word in sentence:
            if word in (START, END) or word.split() != [word]:
                raise InputError(f"sentence {number} of the language model's text: {word!r} cannot be a word of it. "
                                 "Take it out of the text.")
        stream.append(1)
        stream.extend(known.setdefault(word, len(known)) for word in sentence)
        stream.append(2)
        lengths.append(len(sentence) + 2)
    if not lengths:
        raise InputError("the language model's text: no words in it. Give transcripts (--lm_train_text).")
    names = list(known)
    vocabulary = names[:3] + sorted(names[3:])
    new = {word: index for index, word in enumerate(vocabulary)}
    words = np.array([new[word] for word in names])[np.frombuffer(stream, np.int64)]
    length = np.frombuffer(lengths, np.int64)
    place = np.arange(len(words)) - np.repeat(np.cumsum(length) - length, length)
    return vocabulary, words, place


def _unigrams(words: np.ndarray, size: int) -> Order:
    nothing, word = np.zeros(size, np.int64), np.arange(size)
    return Order(word, nothing, nothing, np.bincount(words, minlength=size), word == 1)


def _longer(words: np.ndarray, place: np.ndarray, last: np.ndarray, length: int) -> tuple[Order, np.ndarray]:
    """The n-grams of ``length`` and, for each word of the text, the one that it ends.

    ``last``: the same for length - 1. Two numbers name an n-gram, so no key outgrows 64 bits.
    """
    ends = np.flatnonzero(place >= length - 1)
    size = int(words.max()) + 1
    keys, index, count = np.unique(last[ends - 1] * size + words[ends], return_inverse=True, return_counts=True)
    suffix, at_start = np.empty(len(keys), np.int64), np.zeros(len(keys), bool)
    suffix[index] = last[ends]
    at_start[index] = place[ends] == length - 1
    following = np.full(len(words), -1)
    following[ends] = index
    return Order(keys % size, keys // size, suffix, count, at_start), following


def _smooth(
    grams: Order, above: Order | None, below: np.ndarray
) -> tuple[tuple[float, ...], np.ndarray, np.ndarray]:
    """Discounts, p of each n-gram, and b of each history (1 where nothing follows it).

    ``above``: the n-grams one word longer; ``below``: p of those one word shorter.
    """
    num_histories = len(below)
    unigrams = num_histories == 1
    count = grams.count
    if above is not None:
        count = np.where(grams.at_start, count, np.bincount(above.suffix, minlength=len(count)))
    if unigrams:
        count = np.where(grams.at_start, 0, count)  # nothing predicts <s>
    discount = _discounts(count)
    taken = np.array((0.0, *discount))[np.minimum(count, 3)]
    total = np.bincount(grams.history, count, num_histories)
    weight = np.bincount(grams.history, taken, num_histories)
    weight = np.divide(weight, total, out=np.ones(num_histories), where=total > 0)
    probability = (count - taken) / total[grams.history] + weight[grams.history] * below[grams.suffix]
    if unigrams:
        probability[1] = 0.0
    return discount, probability, weight


def _discounts(count: np.ndarray) -> tuple[float, ...]:
    """D(1), D(2), D(3 or more)."""
    t = np.bincount(np.minimum(count, 5), minlength=6)[1:5].astype(float)
    if not t.all():
        return FALLBACK
    y = t[0] / (t[0] + 2 * t[1])
    discounts = tuple(float(k - (k + 1) * y * t[k] / t[k - 1]) for k in (1, 2, 3))
    return discounts if all(0 <= value <= k for k, value in enumerate(discounts, 1)) else FALLBACK
