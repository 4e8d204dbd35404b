"""A prefix tree of integer sequences in flat arrays, looked up for many places at once.

Nodes are numbered level by level from the root, 0, and within a level by (parent, symbol). So

    key[node - 1] = parent · num_symbols + symbol

rises from node to node: a child is found by bisection, and the children of a node are neighbours. The words of a
lexicon over letters and the n-grams of a language model over words are both such trees.
"""

import numpy as np


class Trie:
    """Grown level by level with ``add``; symbols are 0 .. num_symbols - 1."""

    def __init__(self, num_symbols: int) -> None:
        self.num_symbols = num_symbols
        self.key = np.zeros(0, np.int64)  # (node - 1,)
        self.levels = [0, 1]  # first node of each level, and one behind the last node

    @property
    def num_nodes(self) -> int:
        return len(self.key) + 1

    def add(self, parent: np.ndarray, symbol: np.ndarray) -> np.ndarray:
        """The nodes of the children of the deepest level, made as far as they are new: one more level.

        parent, symbol: (sequence,); a pair may stand there more than once.
        """
        keys, index = np.unique(parent * self.num_symbols + symbol, return_inverse=True)
        first = self.num_nodes
        self.key = np.concatenate([self.key, keys])
        self.levels.append(self.num_nodes)
        return first + index

    def find(self, parent: np.ndarray, symbol: np.ndarray) -> np.ndarray:
        """The child of each parent by each symbol, -1 where there is none."""
        wanted = parent * self.num_symbols + symbol
        place = np.searchsorted(self.key, wanted)
        present = self.key.take(place, mode="clip") == wanted if len(self.key) else np.zeros(place.shape, bool)
        return np.where(present, place + 1, -1)

    def parent(self) -> np.ndarray:
        """(node,); the root is its own."""
        return np.concatenate([[0], self.key // self.num_symbols])

    def symbol(self) -> np.ndarray:
        """(node,) by which its parent leads there; 0 at the root."""
        return np.concatenate([[0], self.key % self.num_symbols])

    def first_child(self) -> np.ndarray:
        """(node + 1,): the children of a node are first_child[node] .. first_child[node + 1] - 1."""
        return np.searchsorted(self.key, np.arange(self.num_nodes + 1) * self.num_symbols) + 1


def grow(lengths: np.ndarray, symbols: np.ndarray, num_symbols: int) -> tuple[Trie, np.ndarray]:
    """The tree of sequences that lie one behind the other in ``symbols``, and the node where each ends."""
    trie, ends = Trie(num_symbols), np.zeros(len(lengths), np.int64)
    offsets = np.cumsum(lengths) - lengths
    for level in range(int(lengths.max(initial=0))):
        alive = np.flatnonzero(lengths > level)
        ends[alive] = trie.add(ends[alive], symbols[offsets[alive] + level])
    return trie, ends
