"""What a prefix may go on with, and what that adds to its score beside the acoustic part.

TokenGrammar: every token behind every prefix; a language model counts tokens.
WordGrammar: the tokens that lead on in a lexicon; a language model counts words, each when it ends. Inside a word the
best unigram that is still possible stands for it, so that the beam is cut by what words are worth (flashlight's
smearing by the maximum); when the word ends its own score takes that one's place, and nothing of it is left.
"""

from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from espnet_bljust.decoding.lexicon import Lexicon, spread
from espnet_bljust.decoding.ngram_automaton import NgramAutomaton

NOTHING = -1  # label of an arc that ends no word; word of a node where none ends
ROWS_KEPT = 1 << 25  # numbers; 256 MB


class Place(NamedTuple):
    """Where prefixes stand, one row each."""

    node: np.ndarray  # (prefix,) of the lexicon
    state: np.ndarray  # (prefix,) of the language model


class Arcs(NamedTuple):
    """What prefixes may go on with, one row each; no prefix goes on with a token in two ways."""

    parent: np.ndarray  # (arc,) row of the prefix
    token: np.ndarray  # (arc,)
    label: np.ndarray  # (arc,) what is added to the history, NOTHING inside a word
    node: np.ndarray  # (arc,)
    gain: np.ndarray  # (arc,)


class Ending(NamedTuple):
    """What the end of the utterance makes of prefixes, one row each."""

    whole: np.ndarray  # (prefix,) bool: not inside a word
    label: np.ndarray  # (prefix,) of the word that ends here, else NOTHING
    gain: np.ndarray  # (prefix,)


class Grammar(Protocol):
    """The search asks for no more than this."""

    start: int

    def arcs(self, place: Place, tried: np.ndarray) -> Arcs:
        """Those by a token of tried, (token,) bool."""

    def advance(self, state: np.ndarray, label: np.ndarray) -> np.ndarray:
        """The language model's states behind labels, none of them NOTHING."""

    def finish(self, place: Place) -> Ending:
        """At the end of the utterance; what is unfinished inside a word counts as nothing."""


class TokenGrammar:
    """Labels are tokens; without a language model each token gains ``penalty`` alone."""

    start = 0

    def __init__(self, penalty: float) -> None:
        self.penalty = penalty

    def arcs(self, place: Place, tried: np.ndarray) -> Arcs:
        tokens = 1 + np.flatnonzero(tried[1:])  # without blank
        rows, width = len(place.node), len(tokens)
        token = np.tile(tokens, rows)
        return Arcs(np.repeat(np.arange(rows), width), token, token, np.zeros(rows * width, np.int64),
                    self._gains(place.state, tokens))

    def _gains(self, state: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        return np.full(len(state) * len(tokens), self.penalty)

    def advance(self, state: np.ndarray, label: np.ndarray) -> np.ndarray:
        return state

    def finish(self, place: Place) -> Ending:
        rows = len(place.node)
        return Ending(np.ones(rows, bool), np.full(rows, NOTHING), np.zeros(rows))


class TokenNgramGrammar(TokenGrammar):
    """``names``: how the language model calls each token."""

    def __init__(self, names: list[str], ngram: NgramAutomaton, *, weight: float, penalty: float) -> None:
        super().__init__(penalty)
        self.ngram, self.weight, self.words = ngram, weight, ngram.ids(names)
        self.start = ngram.start
        self._row = lru_cache(ROWS_KEPT // len(names))(self._row)

    def _gains(self, state: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        return np.concatenate([self._row(one)[tokens] for one in state.tolist()])

    def _row(self, state: int) -> np.ndarray:
        return self.weight * self.ngram.row(state)[self.words] + self.penalty

    def advance(self, state: np.ndarray, label: np.ndarray) -> np.ndarray:
        return self.ngram.step(state, self.words[label])[1]

    def finish(self, place: Place) -> Ending:
        return super().finish(place)._replace(gain=self.weight * self.ngram.end(place.state))


class WordGrammar:
    """Labels are words of the lexicon."""

    def __init__(self, lexicon: Lexicon, ngram: NgramAutomaton, *, weight: float, penalty: float) -> None:
        self.lexicon, self.ngram, self.weight, self.penalty = lexicon, ngram, weight, penalty
        self.start, self.words = ngram.start, ngram.ids(lexicon.words)
        unigram = ngram.row(0)[self.words]
        hoped = lexicon.best_below(weight * unigram)
        self.hoped = hoped - hoped[0]  # (node,) what the prefix has got in advance

    def arcs(self, place: Place, tried: np.ndarray) -> Arcs:
        lexicon = self.lexicon
        parent, arc = spread(lexicon.first_arc[place.node], lexicon.first_arc[place.node + 1])
        among = tried[lexicon.token[arc]]
        parent, arc = parent[among], arc[among]
        target = lexicon.target[arc]
        inner = Arcs(parent, lexicon.token[arc], np.full(len(arc), NOTHING), target,
                     self.hoped[target] - self.hoped[place.node[parent]])
        label, gain = self._close(place)
        open_ = np.flatnonzero((label != NOTHING) | (place.node == 0))
        entries = np.flatnonzero(tried[lexicon.entry_token])
        parent, entries = np.repeat(open_, len(entries)), np.tile(entries, len(open_))
        target = lexicon.entry_target[entries]
        entry = Arcs(parent, lexicon.entry_token[entries], label[parent], target, gain[parent] + self.hoped[target])
        return Arcs(*(np.concatenate(columns) for columns in zip(inner, entry, strict=True)))

    def _close(self, place: Place) -> tuple[np.ndarray, np.ndarray]:
        """The word that ends where each prefix stands, and what it gains by that; elsewhere NOTHING, and hope lost."""
        label, gain = self.lexicon.word[place.node], -self.hoped[place.node]
        ends = np.flatnonzero(label != NOTHING)
        score, _ = self.ngram.step(place.state[ends], self.words[label[ends]])
        gain[ends] += self.weight * score + self.penalty
        return label, gain

    def advance(self, state: np.ndarray, label: np.ndarray) -> np.ndarray:
        return self.ngram.step(state, self.words[label])[1]

    def finish(self, place: Place) -> Ending:
        label, gain = self._close(place)
        ends = np.flatnonzero(label != NOTHING)
        state = place.state.copy()
        state[ends] = self.advance(state[ends], label[ends])
        return Ending((label != NOTHING) | (place.node == 0), label, gain + self.weight * self.ngram.end(state))
