"""The words of a closed vocabulary as paths of tokens, in flat arrays.

Words are spelled by letters, and a token is a run of letters, or a boundary (" ") and a run of letters: the characters
and <space> of token type char, the pieces of bpe with " " for their "▁". Every way to cut a word into tokens counts, so
a node is a string of letters that some word begins with, node 0 the empty one, between words:

    inner arc    node -- token --> node with the token's letters behind it
    entry arc    node 0, or the end of a word -- token with a boundary --> node of the token's letters

Runs of boundaries count as one, and before the first word there need be none.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from espnet_bljust.data.text.word_boundaries import BOUNDARY
from espnet_bljust.decoding.trie import Trie, grow


class Lexicon(NamedTuple):
    """``words`` are those that the tokens can spell."""

    words: list[str]
    word: np.ndarray  # (node,) place in ``words`` of the word that ends there, -1 where none does
    parent: np.ndarray  # (node,)
    levels: list[int]  # first node of each number of letters, and one behind the last
    first_arc: np.ndarray  # (node + 1,) a node's inner arcs are first_arc[node] .. first_arc[node + 1] - 1
    token: np.ndarray  # (arc,) rising with the node, and within it
    target: np.ndarray  # (arc,)
    entry_token: np.ndarray  # (entry,)
    entry_target: np.ndarray  # (entry,)

    def best_below(self, score: np.ndarray) -> np.ndarray:
        """(node,) the highest score (word,) of the words that go through each node."""
        best = np.where(self.word >= 0, score[self.word], -np.inf)
        for first, end in zip(self.levels[-2:0:-1], self.levels[:1:-1], strict=True):
            np.maximum.at(best, self.parent[first:end], best[first:end])
        return best


def make_lexicon(words: Sequence[str], texts: Sequence[str | None]) -> Lexicon:
    """``texts``: what each token writes, None for those that write nothing, such as <blank>; words without doubles."""
    lexicon = _make(words, texts)
    spelled = _spelled(lexicon)
    if spelled.all():
        return lexicon
    return _make([word for word, good in zip(words, spelled, strict=True) if good], texts)


def _make(words: Sequence[str], texts: Sequence[str | None]) -> Lexicon:
    alphabet, letters = np.unique(_letters(words), return_inverse=True)
    trie, ends = grow(np.array([len(word) for word in words], np.int64), letters, len(alphabet))
    word = np.full(trie.num_nodes, -1)
    word[ends] = np.arange(len(words))
    known = {chr(letter) for letter in alphabet}
    inner = {place: text for place, text in enumerate(texts) if text and set(text) <= known}
    token, start, target = _inner_arcs(trie, alphabet, inner)
    entry = {place: text[1:] for place, text in enumerate(texts)
             if text and text[0] == BOUNDARY and set(text[1:]) <= known}
    entry_target = np.array([_walk(trie, np.searchsorted(alphabet, _letters([text]))) for text in entry.values()],
                            np.int64)
    there = entry_target >= 0
    return Lexicon(list(words), word, trie.parent(), trie.levels,
                   np.searchsorted(start, np.arange(trie.num_nodes + 1)), token, target,
                   np.array(list(entry), np.int64)[there], entry_target[there])


def _letters(texts: Sequence[str]) -> np.ndarray:
    return np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)


def _walk(trie: Trie, letters: np.ndarray) -> int:
    node = np.zeros(1, np.int64)
    for letter in letters:
        if node[0] >= 0:
            node = trie.find(node, np.array([letter]))
    return int(node[0])


def _inner_arcs(trie: Trie, alphabet: np.ndarray, inner: dict[int, str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens, first nodes and last nodes, by walking the words' tree from every node along the tokens' tree."""
    letters = np.searchsorted(alphabet, _letters(list(inner.values())))
    tokens, ends = grow(np.array([len(text) for text in inner.values()], np.int64), letters, len(alphabet))
    token_at = np.full(tokens.num_nodes, -1)
    token_at[ends] = list(inner)
    first, symbol = trie.first_child(), trie.symbol()
    start = node = np.arange(trie.num_nodes)
    place = np.zeros(trie.num_nodes, np.int64)  # in the tokens' tree
    arcs = []
    while len(node):
        parent, child = spread(first[node], first[node + 1])
        place = tokens.find(place[parent], symbol[child])
        start, node, place = (column[place >= 0] for column in (start[parent], child, place))
        whole = token_at[place] >= 0
        arcs.append(np.stack([token_at[place], start, node])[:, whole])
    token, start, target = np.concatenate(arcs, axis=1)
    order = np.lexsort((token, start))
    return token[order], start[order], target[order]


def spread(first: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranges first[i] .. end[i] - 1 one behind the other: the i that each number is from, and the numbers."""
    lengths = end - first
    index = np.repeat(np.arange(len(first)), lengths)
    return index, np.arange(len(index)) + (first - np.cumsum(lengths) + lengths)[index]


def _spelled(lexicon: Lexicon) -> np.ndarray:
    """(word,) whether some tokens in a row spell it."""
    reached = np.zeros(len(lexicon.word), bool)
    reached[0] = True
    reached[lexicon.entry_target] = True
    for first, end in zip(lexicon.levels[:-1], lexicon.levels[1:], strict=True):
        arcs = slice(lexicon.first_arc[first], lexicon.first_arc[end])
        start, _ = spread(lexicon.first_arc[first:end], lexicon.first_arc[first + 1 : end + 1])
        reached[lexicon.target[arcs][reached[first + start]]] = True
    spelled = np.zeros(len(lexicon.words), bool)
    ends = np.flatnonzero(lexicon.word >= 0)
    spelled[lexicon.word[ends]] = reached[ends]
    return spelled
