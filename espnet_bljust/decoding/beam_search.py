"""CTC prefix beam search with an n-gram language model, from settings and an ARPA file.

    score(y) = ln Σ_paths p(path|x) + ngram_weight · log10 P(y) + penalty · |y|
With ngram_unit: token, y are tokens, and any string of them may be. With ngram_unit: word, y are words of the language
model, and the sum is over all paths of all token strings that write them; tokens with a boundary end them, <space> of
token type char and the pieces of bpe that begin with ▁.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from espnet_bljust.data.text.arpa import word_of
from espnet_bljust.data.text.ngram import END, START, UNKNOWN
from espnet_bljust.data.text.tokens import SPACE, CharSplitter, Splitter
from espnet_bljust.decoding.grammars import Grammar, TokenGrammar, TokenNgramGrammar, WordGrammar
from espnet_bljust.decoding.lexicon import BOUNDARY, make_lexicon
from espnet_bljust.decoding.ngram_automaton import NgramAutomaton
from espnet_bljust.decoding.prefix_search import PrefixSearch
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.errors import InputError

PIECE_BOUNDARY = "▁"  # of SentencePiece


class Found(NamedTuple):
    """One label string and its score."""

    ids: list[int]
    score: float


class BeamSearch:
    """Callable on the log probabilities of one utterance."""

    def __init__(self, tokens: Sequence[str], settings: SearchSettings, ngram: Path | None = None,
                 splitter: Splitter | None = None) -> None:
        """``tokens``: the token list, <blank> first; ``splitter`` cuts found words into pieces of bpe."""
        if settings.ngram_weight and not ngram:
            raise InputError(f"ngram_weight is {settings.ngram_weight}, but there is no language model. Give --ngram "
                             "(stage 12: --use_ngram true or --inference_ngram), or set it to 0.")
        self.tokens, self.settings = list(tokens), settings
        self.words: list[str] | None = None
        if ngram and settings.ngram_unit == "word":
            grammar = self._word_grammar(ngram)
            self.index = {token: place for place, token in enumerate(self.tokens)}
            self.splitter = splitter if splitter and SPACE not in self.index else CharSplitter(
                token for token in self.tokens if len(token) > 1)
        else:
            grammar = self._token_grammar(ngram)
        self.search = PrefixSearch(grammar, settings.beam_size, settings.beam_threshold)

    def __call__(self, log_probability: Tensor) -> list[Found]:
        """log_probability: (frame, token) -> the nbest, best first; fewer where the beam held fewer."""
        frames = log_probability.double().cpu().numpy()
        tried = self.settings.beam_size_token
        if 0 < tried < frames.shape[1]:
            least = np.partition(frames, -tried, axis=1)[:, [-tried]]
            frames = np.where(frames >= least, frames, -np.inf)
        found = self.search(frames)[: self.settings.nbest]
        return [Found(self._ids(labels), score) for labels, score in found]

    def _ids(self, labels: Sequence[int]) -> list[int]:
        if self.words is None:
            return list(labels)
        text = " ".join(self.words[label] for label in labels)
        return [self.index[token] for token in self.splitter.tokens(text)]

    def _token_grammar(self, ngram: Path | None) -> Grammar:
        if not ngram:
            return TokenGrammar(len(self.tokens), self.settings.penalty)
        return TokenNgramGrammar([word_of(token) for token in self.tokens], NgramAutomaton.from_arpa(ngram),
                                 weight=self.settings.ngram_weight, penalty=self.settings.penalty)

    def _word_grammar(self, path: Path) -> Grammar:
        """Only the model's own words are found, those of them that the tokens can spell."""
        texts = written(self.tokens)
        if not any(text and text[0] == BOUNDARY for text in texts):
            raise InputError(f"ngram_unit: word with {path}: words end by the token {SPACE}, or by pieces that begin "
                             f"with {PIECE_BOUNDARY}; the token list has neither. Use ngram_unit: token, or "
                             "--token_type char or bpe.")
        ngram = NgramAutomaton.from_arpa(path)
        words = [word for word in ngram.words if word not in (START, END, UNKNOWN)]
        lexicon = make_lexicon(words, texts)
        if not lexicon.words:
            raise InputError(f"{path}: the token list can spell none of its words. Is it a model of tokens? Then "
                             "set ngram_unit: token.")
        if len(lexicon.words) < len(words):
            print(f"{path}: {len(words) - len(lexicon.words)} of {len(words)} words hold characters that are no "
                  "tokens", file=sys.stderr)
        self.words = lexicon.words
        return WordGrammar(lexicon, ngram, weight=self.settings.ngram_weight, penalty=self.settings.penalty)


def written(tokens: Sequence[str]) -> list[str | None]:
    """The text that each token writes, a boundary as one space; None for <blank>, <unk> and <sos/eos>."""
    boundary = SPACE if SPACE in tokens else PIECE_BOUNDARY
    last = len(tokens) - 1
    return [None if place in (0, 1, last) and token.startswith("<") and token != SPACE
            else token.replace(boundary, BOUNDARY) for place, token in enumerate(tokens)]
