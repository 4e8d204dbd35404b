"""An n-gram language model as the search wants it: counted by tokens, or by words that the tokens spell.

Words end by tokens with a boundary, <space> of token type char and the pieces of bpe that begin with ▁; a model of
words is a closed vocabulary, its own words as far as the tokens can spell them.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.text.arpa import word_of
from espnet_bljust.data.text.ngram import END, START, UNKNOWN
from espnet_bljust.data.text.tokens import SPACE
from espnet_bljust.data.text.word_boundaries import PIECE_BOUNDARY, ends_words, written
from espnet_bljust.decoding.lexicon import Lexicon, make_lexicon
from espnet_bljust.decoding.ngram_automaton import NgramAutomaton
from espnet_bljust.errors import InputError


class LanguageModel(NamedTuple):
    """``lexicon``: None where tokens are counted."""

    ngram: NgramAutomaton
    lexicon: Lexicon | None


def read_language_model(path: Path, tokens: Sequence[str], unit: str = "auto") -> LanguageModel:
    """From an ARPA file; ``unit``: token, word, or auto, which looks whether its words are tokens."""
    ngram = NgramAutomaton.from_arpa(path)
    words = [word for word in ngram.words if word not in (START, END, UNKNOWN)]
    if unit == "token" or unit == "auto" and counts_tokens(words, tokens):
        return LanguageModel(ngram, None)
    if not ends_words(tokens):
        raise InputError(f"{path}: a model of words, which end by the token {SPACE}, or by pieces that begin with "
                         f"{PIECE_BOUNDARY}; the token list has neither. Give a model of tokens (--ngram_unit token), "
                         "or use --token_type char or bpe.")
    lexicon = make_lexicon(words, written(tokens))
    if not lexicon.words:
        raise InputError(f"{path}: the token list can spell none of its words. Is it a model of tokens? Then "
                         "set ngram_unit: token.")
    if len(lexicon.words) < len(words):
        print(f"{path}: {len(words) - len(lexicon.words)} of {len(words)} words hold characters that are no tokens",
              file=sys.stderr)
    return LanguageModel(ngram, lexicon)


def counts_tokens(words: Iterable[str], tokens: Sequence[str]) -> bool:
    """Whether all words of a model are tokens, and <space> among them where the tokens have it."""
    words = set(words)
    return words <= {word_of(token) for token in tokens} and (SPACE in words or SPACE not in tokens)
