"""CTC prefix beam search with an n-gram language model, by torchaudio's ctc_decoder on flashlight-text and KenLM.

    score(y) = ln Σ_paths p(path|x) + ngram_weight · log10 P(y) + penalty · |y|
Token models are searched without a lexicon. A word model spells its words by characters, each word ended by <space>;
one frame is added behind the last on which <space> is certain, so that the last word ends too.

Traps of the libraries, seen against the enumeration of all label strings (tests/bin/test_beam_search.py):
- a language model given to ctc_decoder by its path is read with the tokens in another order: KenLM is made here;
- the silence token is added behind every result: without a lexicon it is <blank>;
- a word's last token cannot last two frames unless it is the silence token: words without <space> are refused.
Source: Hannun et al., arXiv:1408.2873, algorithm 1; Kahn et al., arXiv:2201.12465 (flashlight).
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from espnet_bljust.data.text.arpa import arpa_order, arpa_words, word_of
from espnet_bljust.data.text.tokens import SPACE, CharSplitter
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.errors import InputError

LONGEST_NGRAM = 6  # that the KenLM in flashlight-text reads
NEVER = -1e30  # log probability; infinite ones would meet in subtractions


class Found(NamedTuple):
    """One label string and its score."""

    ids: list[int]
    score: float


class BeamSearch:
    """Callable on the log probabilities of one utterance."""

    def __init__(self, tokens: Sequence[str], settings: SearchSettings, ngram: Path | None = None) -> None:
        """``tokens``: the token list, <blank> first."""
        if ngram:
            check_order(ngram)
        elif settings.ngram_weight:
            raise InputError(f"ngram_weight is {settings.ngram_weight}, but there is no language model. Give --ngram "
                             "(stage 12: --use_ngram true or --inference_ngram), or set it to 0.")
        self.tokens, self.nbest = list(tokens), settings.nbest
        self.words = ngram is not None and settings.ngram_unit == "word" and SPACE in self.tokens
        if ngram and settings.ngram_unit == "word" and not self.words:
            raise InputError(f"ngram_unit: word with {ngram}: words are found by the token {SPACE}, which is not in "
                             "the token list. Use ngram_unit: token, or --token_type char.")
        make = self._word_decoder if self.words else self._token_decoder
        self.decoder = make(settings, ngram)

    def __call__(self, log_probability: Tensor) -> list[Found]:
        """log_probability: (frame, token) -> the nbest, best first; fewer where the beam held fewer."""
        frames = log_probability.float().cpu()
        if self.words:
            last = torch.full((1, frames.shape[1]), NEVER)
            last[0, self.tokens.index(SPACE)] = 0.0
            frames = torch.cat([frames, last])
        hypotheses = self.decoder(frames[None].contiguous())[0][: self.nbest]
        return [Found(self._ids(hypothesis), hypothesis.score) for hypothesis in hypotheses]

    def _ids(self, hypothesis: object) -> list[int]:
        if not self.words:
            return hypothesis.tokens.tolist()
        space = self.tokens.index(SPACE)
        spelled = [[self.tokens.index(token) for token in self.splitter.tokens(word)] for word in hypothesis.words]
        return [token for word in spelled for token in (space, *word)][1:]

    def _token_decoder(self, settings: SearchSettings, ngram: Path | None) -> object:
        flashlight = library()
        names = [word_of(token) for token in self.tokens]
        model, weight = flashlight.ZeroLM(), 1.0
        if ngram:
            with reading(ngram):
                model, weight = flashlight.KenLM(str(ngram), flashlight.Dictionary(names)), settings.ngram_weight
        if settings.penalty:
            model, weight = flashlight.with_penalty(model, weight, settings.penalty), 1.0
        return flashlight.ctc_decoder(
            lexicon=None, tokens=names, lm=model, nbest=self.nbest, beam_size=settings.beam_size,
            beam_size_token=settings.beam_size_token or None, beam_threshold=settings.beam_threshold,
            lm_weight=weight, log_add=True, blank_token=names[0], sil_token=names[0])

    def _word_decoder(self, settings: SearchSettings, ngram: Path) -> object:
        """Only the model's own words are found, those of them that the tokens can spell."""
        self.splitter = CharSplitter(token for token in self.tokens if len(token) > 1)
        spelled = [(word, self.splitter.tokens(word)) for word in arpa_words(ngram)]
        known = [(word, spelling) for word, spelling in spelled if set(spelling) <= set(self.tokens)]
        if not known:
            raise InputError(f"{ngram}: the token list can spell none of its words. Is it a model of tokens? Then "
                             "set ngram_unit: token.")
        if len(known) < len(spelled):
            print(f"{ngram}: {len(spelled) - len(known)} of {len(spelled)} words hold characters that are no tokens",
                  file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder, reading(ngram):
            lexicon = Path(folder) / "lexicon.txt"
            lexicon.write_text("".join(f"{word} {' '.join(spelling)} {SPACE}\n" for word, spelling in known),
                               encoding="utf-8")
            return library().ctc_decoder(
                lexicon=str(lexicon), tokens=self.tokens, lm=str(ngram), nbest=self.nbest,
                beam_size=settings.beam_size, beam_size_token=settings.beam_size_token or None,
                beam_threshold=settings.beam_threshold, lm_weight=settings.ngram_weight, word_score=settings.penalty,
                log_add=True, blank_token=self.tokens[0], sil_token=SPACE)


def check_order(ngram: Path) -> None:
    """Before KenLM says the same in the words of its source."""
    if not 2 <= (order := arpa_order(ngram)) <= LONGEST_NGRAM:
        raise InputError(f"{ngram}: of order {order}; KenLM reads 2 to {LONGEST_NGRAM}. Make another with --ngram_num.")


def library() -> object:
    """torchaudio's decoder and flashlight's parts, or how to get them."""
    try:
        from espnet_bljust.decoding import flashlight_parts
    except ImportError as error:
        raise InputError(f"beam search: flashlight-text is not here ({error}). It has wheels for Python 3.12 alone: "
                         "run ./setup.sh with that, or decode with search: greedy.") from None
    return flashlight_parts


@contextmanager
def reading(ngram: Path) -> Iterator[None]:
    """KenLM writes its progress bar to file descriptor 2, and where it cannot read, its source and function names."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-200:]
        raise InputError(f"{ngram}: KenLM cannot read it (... {reason}). Make it again with stage 5.") from None
    finally:
        os.dup2(kept, 2)
        os.close(kept)
