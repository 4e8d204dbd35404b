"""CTC prefix beam search with an n-gram language model, as settings say.

    score(y) = ln Σ_paths p(path|x) + ngram_weight · log10 P(y) + penalty · |y|
Where the model counts tokens, y are tokens, and any string of them may be. Where it counts words, y are words of the
model, and the sum is over all paths of all token strings that write them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from espnet_bljust.data.text.arpa import word_of
from espnet_bljust.data.text.tokens import SPACE, CharSplitter, Splitter
from espnet_bljust.decoding.grammars import Grammar, TokenGrammar, TokenNgramGrammar, WordGrammar
from espnet_bljust.decoding.language_model import LanguageModel
from espnet_bljust.decoding.prefix_search import PrefixSearch
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.errors import InputError

UNKNOWN = 1  # place of <unk>


class Found(NamedTuple):
    """One label string and its score."""

    ids: list[int]
    score: float


class BeamSearch:
    """Callable on the log probabilities of one utterance."""

    def __init__(self, tokens: Sequence[str], settings: SearchSettings, model: LanguageModel | None = None,
                 splitter: Splitter | None = None) -> None:
        """``tokens``: the token list, <blank> first; ``splitter`` cuts found words into pieces of bpe."""
        if settings.ngram_weight and not model:
            raise InputError(f"ngram_weight is {settings.ngram_weight}, but there is no language model. Give --ngram "
                             "(stage 12: --use_ngram true or --inference_ngram), or set it to 0.")
        self.settings = settings
        self.words = model.lexicon.words if model and model.lexicon else None
        self.index = {token: place for place, token in enumerate(tokens)}
        self.splitter = splitter
        if splitter is None or SPACE in self.index:  # characters, and symbols of the list that stay whole
            self.splitter = CharSplitter(token for token in tokens if len(token) > 1)
        self.search = PrefixSearch(_grammar(tokens, settings, model), settings.beam_size, settings.beam_threshold)

    def __call__(self, log_probability: Tensor) -> list[Found]:
        """log_probability: (frame, token) -> the nbest, best first; fewer where the beam held fewer."""
        frames = log_probability.double().cpu().numpy()
        tried = self.settings.beam_size_token
        if 0 < tried < frames.shape[1]:
            least = np.partition(frames, -tried, axis=1)[:, [-tried]]
            frames = np.where(frames >= least, frames, -np.inf)
        labellings = self.search(frames)[: self.settings.nbest]
        return [Found(self._ids(labels), score) for labels, score in labellings]

    def _ids(self, labels: Sequence[int]) -> list[int]:
        if self.words is None:
            return list(labels)
        text = " ".join(self.words[label] for label in labels)
        return [self.index.get(token, UNKNOWN) for token in self.splitter.tokens(text)]


def _grammar(tokens: Sequence[str], settings: SearchSettings, model: LanguageModel | None) -> Grammar:
    if not model:
        return TokenGrammar(settings.penalty)
    weights = {"weight": settings.ngram_weight, "penalty": settings.penalty}
    if model.lexicon:
        return WordGrammar(model.lexicon, model.ngram, **weights)
    return TokenNgramGrammar([word_of(token) for token in tokens], model.ngram, **weights)
