"""The lexicon's arcs against plain strings: a string of tokens goes through it if and only if it writes known words."""

import itertools

import numpy as np
import pytest

from espnet_bljust.decoding.lexicon import make_lexicon

CHARACTERS = [None, None, " ", "a", "b", "c", None]
PIECES = [None, None, " ", "a", "b", " a", "ab", " ab", "ba", None, "bab"]


def go(lexicon, string):
    """(words ended, node) behind a string of tokens, None where it leaves the lexicon."""
    words, node = [], 0
    for token in string:
        arcs = range(lexicon.first_arc[node], lexicon.first_arc[node + 1])
        inner = [arc for arc in arcs if lexicon.token[arc] == token]
        entry = np.flatnonzero(lexicon.entry_token == token)
        if inner:
            (arc,) = inner
            node = lexicon.target[arc]
        elif len(entry) and (node == 0 or lexicon.word[node] >= 0):
            words += [lexicon.words[lexicon.word[node]]] if node else []
            node = lexicon.entry_target[entry[0]]
        else:
            return None
    return words, node


@pytest.mark.parametrize("texts", [CHARACTERS, PIECES])
def test_a_string_of_tokens_goes_through_where_it_writes_known_words_and_the_beginning_of_one(texts):
    known = ["a", "ab", "bab", "b"]
    lexicon = make_lexicon(known, texts)
    for length in range(6 if texts is CHARACTERS else 5):
        for string in itertools.product(range(len(texts)), repeat=length):
            written = "".join(texts[token] or "?" for token in string)
            *words, rest = written.split(" ")
            words = [word for word in words if word]
            good = set(words) <= set(known) and any(word.startswith(rest) for word in known)
            found = go(lexicon, string)
            assert (found is not None) == good, written
            if good:
                assert found[0] == words and (lexicon.word[found[1]] >= 0) == (rest in known)
                assert rest not in known or lexicon.words[lexicon.word[found[1]]] == rest


def test_words_that_the_tokens_cannot_spell_are_left_out():
    assert make_lexicon(["ab", "ax", "xa", "b"], CHARACTERS).words == ["ab", "b"]
    pieces = [None, " a", "bb", " c", "cc", " ", "e"]
    assert make_lexicon(["abb", "ab", "ccc", "cc", "ee", "abba"], pieces).words == ["abb", "ccc", "cc", "ee"]
    assert make_lexicon(["x", "y"], CHARACTERS).words == []
    assert make_lexicon([], CHARACTERS).words == []


def test_the_best_below_is_the_best_of_the_words_that_begin_so():
    words = ["a", "ab", "abc", "b", "bca"]
    score = np.array([-3.0, -1.0, -2.0, -9.0, -5.0])
    lexicon = make_lexicon(words, CHARACTERS)
    best = lexicon.best_below(score)
    node = {"": 0}
    for word, end in zip(words, (np.flatnonzero(lexicon.word == place)[0] for place in range(5)), strict=True):
        for letters in range(len(word), 0, -1):
            node[word[:letters]] = end
            end = lexicon.parent[end]
    assert len(node) == len(best)
    for letters, place in node.items():
        assert best[place] == max(score[i] for i, word in enumerate(words) if word.startswith(letters))
