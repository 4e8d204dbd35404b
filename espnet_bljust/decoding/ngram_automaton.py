"""A back-off n-gram model as an automaton: a state is the longest history that the model knows.

    log10 p(w | h) = log10 p(hw)                        where hw is in the model
                     log10 b(h) + log10 p(w | h')       elsewhere; h' is h without its first word

Everything is an array, and a step is taken for many states and words at once. Words that the model does not know count
as <unk>; a model without <unk> gives it log10 p = -100, as KenLM does.
Source: Katz, IEEE Trans. ASSP 35 (1987); the layout follows Heafield, WMT 2011, section 3.2 (sorted arrays).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from espnet_bljust.data.text.arpa_reading import ArpaModel, ArpaOrder, read_arpa
from espnet_bljust.data.text.ngram import END, START, UNKNOWN
from espnet_bljust.decoding.trie import Trie
from espnet_bljust.errors import InputError

IMPOSSIBLE = -100.0  # log10 p of <unk> where the model has none


class NgramAutomaton:
    """States are numbers; ``start`` is the one behind <s>."""

    def __init__(self, model: ArpaModel, name: str) -> None:
        self.words = list(model.words)
        unigrams = model.orders[0]
        if UNKNOWN not in self.words:
            self.words.append(UNKNOWN)
            unigrams = _with_unknown(unigrams)
        self.index = {word: place for place, word in enumerate(self.words)}
        for word in (START, END):
            if word not in self.index:
                raise InputError(f"{name}: has no unigram {word}. Make the model again, with sentence ends.")
        self.trie = Trie(len(self.words))
        self.log10 = np.zeros(1)  # (node,), of the root nothing
        self.backoff = np.zeros(1)
        for order, grams in enumerate([unigrams, *model.orders[1:]], 1):
            self._add(order, grams, name)
        self.first_child = self.trie.first_child()
        self.symbol = self.trie.symbol()
        self.shorter = self._suffixes()
        deepest = np.arange(self.trie.num_nodes) >= self.trie.levels[len(model.orders)]
        self.next = np.where(deepest, self.shorter, np.arange(self.trie.num_nodes))  # the state that a node leaves
        (self.start,) = self.next[self.trie.find(np.zeros(1, np.int64), np.array([self.index[START]]))]

    @classmethod
    def from_arpa(cls, path: Path) -> "NgramAutomaton":
        return cls(read_arpa(path), str(path))

    def ids(self, words: Iterable[str]) -> np.ndarray:
        """Their numbers, that of <unk> where the model does not have one."""
        unknown = self.index[UNKNOWN]
        return np.array([self.index.get(word, unknown) for word in words], np.int64)

    def step(self, state: np.ndarray, word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log10 p of each word behind each state, and the states then."""
        node, score = self._longest(state, word)
        return score, self.next[node]

    def row(self, state: int) -> np.ndarray:
        """(word,) log10 p of every word behind one state."""
        chain = [state]
        while chain[-1]:
            chain.append(self.shorter[chain[-1]])
        row = np.zeros(len(self.words))
        for node in reversed(chain):
            children = slice(self.first_child[node], self.first_child[node + 1])
            row += self.backoff[node]
            row[self.symbol[children]] = self.log10[children]
        return row

    def end(self, state: np.ndarray) -> np.ndarray:
        """log10 p of </s> behind each state."""
        return self.step(state, np.full(len(state), self.index[END]))[0]

    def _longest(self, state: np.ndarray, word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The node of the longest n-gram that ends in each word, and log10 p of the word."""
        state, score = state.copy(), np.zeros(len(state))
        node = self.trie.find(state, word)
        while len(open_ := np.flatnonzero(node < 0)):  # ends: every word is a unigram
            score[open_] += self.backoff[state[open_]]
            state[open_] = self.shorter[state[open_]]
            node[open_] = self.trie.find(state[open_], word[open_])
        return node, score + self.log10[node]

    def _add(self, order: int, grams: ArpaOrder, name: str) -> None:
        context = np.zeros(len(grams.words), np.int64)
        for column in range(order - 1):
            context = self.trie.find(context, grams.words[:, column])
            if len(missing := np.flatnonzero(context < 0)):
                gram = " ".join(self.words[word] for word in grams.words[missing[0]])
                raise InputError(f"{name}: has the {order}-gram {gram!r} without its first {column + 1} words. "
                                 "Make the model again.")
        before = self.trie.num_nodes
        node = self.trie.add(context, grams.words[:, -1])
        if (made := self.trie.num_nodes - before) < len(node):
            raise InputError(f"{name}: {len(node) - made} of its {order}-grams stand there twice. Make it again.")
        for column, values in (("log10", grams.log10), ("backoff", grams.backoff)):
            level = np.empty(made)
            level[node - before] = values
            setattr(self, column, np.concatenate([getattr(self, column), level]))

    def _suffixes(self) -> np.ndarray:
        """(node,) the longest n-gram without the node's first words; of unigrams and the root, the root."""
        self.shorter = np.zeros(self.trie.num_nodes, np.int64)
        parent = self.trie.parent()
        for first, end in zip(self.trie.levels[2:-1], self.trie.levels[3:], strict=True):
            level = np.arange(first, end)
            self.shorter[level] = self._longest(self.shorter[parent[level]], self.symbol[level])[0]
        return self.shorter


def _with_unknown(unigrams: ArpaOrder) -> ArpaOrder:
    return ArpaOrder(np.append(unigrams.words, [[len(unigrams.words)]], 0), np.append(unigrams.log10, IMPOSSIBLE),
                     np.append(unigrams.backoff, 0.0))
