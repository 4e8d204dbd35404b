"""The prefix tree against a dictionary."""

import numpy as np
import pytest

from espnet_bljust.decoding.trie import grow


@pytest.mark.parametrize("seed", range(5))
def test_a_node_is_found_for_every_prefix_and_for_nothing_else(seed):
    rng = np.random.default_rng(seed)
    sequences = [tuple(rng.integers(0, 4, rng.integers(0, 6)).tolist()) for _ in range(40)]
    trie, ends = grow(np.array([len(one) for one in sequences]), np.array(sum(sequences, ()), np.int64), 4)
    prefixes = {one[:length] for one in sequences for length in range(len(one) + 1)}
    node = {(): 0}
    for prefix in sorted(prefixes, key=lambda prefix: (len(prefix), prefix)):
        for symbol in range(4):
            found = int(trie.find(np.array([node[prefix]]), np.array([symbol]))[0])
            assert (found >= 0) == ((*prefix, symbol) in prefixes)
            if found >= 0:
                node[*prefix, symbol] = found
    assert trie.num_nodes == len(prefixes) and sorted(node.values()) == list(range(len(prefixes)))
    assert ends.tolist() == [node[one] for one in sequences]
    first, parent, symbol = trie.first_child(), trie.parent(), trie.symbol()
    for prefix, place in node.items():
        children = {node[*prefix, s] for s in range(4) if (*prefix, s) in node}
        assert children == set(range(first[place], first[place + 1]))
        assert not prefix or (parent[place], symbol[place]) == (node[prefix[:-1]], prefix[-1])


def test_levels_name_the_first_node_of_each_length():
    trie, _ = grow(np.array([2, 1, 3]), np.array([1, 2, 0, 1, 1, 1]), 3)  # 12, 0, 111
    assert trie.levels == [0, 1, 3, 5, 6]


def test_nothing_is_a_tree_of_a_root():
    trie, ends = grow(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
    assert trie.num_nodes == 1 and not len(ends) and trie.first_child().tolist() == [1, 1]
