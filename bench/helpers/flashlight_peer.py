"""torchaudio's ctc_decoder on flashlight-text and KenLM, set up for the scores of decoding/beam_search.py: a peer.

flashlight-text has wheels for Python 3.12 and none for 3.13. Token models are searched without a lexicon. A word model
spells its words by characters, each word ended by <space>; one frame is added behind the last on which <space> is
certain, so that the last word ends too.

Traps of the libraries, seen against the enumeration of all label strings:
- a language model given to ctc_decoder by its path is read with the tokens in another order: KenLM is made here;
- the silence token is added behind every result: without a lexicon it is <blank>;
- a word's last token cannot last two frames unless it is the silence token: words without <space> cannot be searched.
Source: Kahn et al., arXiv:2201.12465 (flashlight).
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from flashlight.lib.text.decoder import ZeroLM
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary
from torch import Tensor
from torchaudio.models.decoder import CTCDecoderLM, CTCDecoderLMState, ctc_decoder

from espnet_bljust.data.text.arpa import arpa_words, word_of
from espnet_bljust.data.text.tokens import SPACE, CharSplitter
from espnet_bljust.decoding.search_settings import SearchSettings

NEVER = -1e30  # log probability; infinite ones would meet in subtractions


class FlashlightSearch:
    """Callable as BeamSearch, but for the results: (words, or ids of a token model; score)."""

    def __init__(self, tokens: Sequence[str], settings: SearchSettings, ngram: Path | None = None) -> None:
        self.tokens, self.nbest = list(tokens), settings.nbest
        self.words = ngram is not None and settings.ngram_unit == "word"
        make = self._word_decoder if self.words else self._token_decoder
        self.decoder = make(settings, ngram)

    def __call__(self, log_probability: Tensor) -> list[tuple[list, float]]:
        frames = log_probability.float().cpu()
        if self.words:
            last = torch.full((1, frames.shape[1]), NEVER)
            last[0, self.tokens.index(SPACE)] = 0.0
            frames = torch.cat([frames, last])
        hypotheses = self.decoder(frames[None].contiguous())[0][: self.nbest]
        return [(one.words if self.words else one.tokens.tolist(), one.score) for one in hypotheses]

    def _token_decoder(self, settings: SearchSettings, ngram: Path | None) -> object:
        names = [word_of(token) for token in self.tokens]
        model, weight = ZeroLM(), 1.0
        if ngram:
            with quiet():
                model, weight = KenLM(str(ngram), Dictionary(names)), settings.ngram_weight
        if settings.penalty:
            model, weight = WithPenalty(model, weight, settings.penalty), 1.0
        return ctc_decoder(lexicon=None, tokens=names, lm=model, lm_weight=weight, blank_token=names[0],
                           sil_token=names[0], **common(settings))

    def _word_decoder(self, settings: SearchSettings, ngram: Path) -> object:
        splitter = CharSplitter(token for token in self.tokens if len(token) > 1)
        spelled = [(word, splitter.tokens(word)) for word in arpa_words(ngram)]
        with tempfile.TemporaryDirectory() as folder, quiet():
            lexicon = Path(folder) / "lexicon.txt"
            lexicon.write_text("".join(f"{word} {' '.join(spelling)} {SPACE}\n" for word, spelling in spelled
                                       if set(spelling) <= set(self.tokens)), encoding="utf-8")
            return ctc_decoder(lexicon=str(lexicon), tokens=self.tokens, lm=str(ngram), lm_weight=settings.ngram_weight,
                               word_score=settings.penalty, blank_token=self.tokens[0], sil_token=SPACE,
                               **common(settings))


def common(settings: SearchSettings) -> dict:
    return {"nbest": settings.nbest, "beam_size": settings.beam_size, "beam_threshold": settings.beam_threshold,
            "beam_size_token": settings.beam_size_token or None, "log_add": True}


class WithPenalty(CTCDecoderLM):
    """A language model with its weight and a penalty a token: flashlight has one for words alone.

    Called from C++ for every new token of every hypothesis, so that the search takes some eight times as long.
    """

    def __init__(self, model: CTCDecoderLM, weight: float, penalty: float) -> None:
        super().__init__()
        self.model, self.weight, self.penalty = model, weight, penalty

    def start(self, start_with_nothing: bool) -> CTCDecoderLMState:
        return self.model.start(start_with_nothing)

    def score(self, state: CTCDecoderLMState, usr_token_idx: int) -> tuple[CTCDecoderLMState, float]:
        state, score = self.model.score(state, usr_token_idx)
        return state, self.weight * score + self.penalty

    def finish(self, state: CTCDecoderLMState) -> tuple[CTCDecoderLMState, float]:
        state, score = self.model.finish(state)
        return state, self.weight * score


@contextmanager
def quiet() -> Iterator[None]:
    """KenLM writes its progress bar to file descriptor 2."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
