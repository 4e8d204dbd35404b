"""What beam_search.py takes from flashlight-text and torchaudio, in a file that needs both."""

from flashlight.lib.text.decoder import ZeroLM
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary
from torchaudio.models.decoder import CTCDecoderLM, CTCDecoderLMState, ctc_decoder

__all__ = ["Dictionary", "KenLM", "ZeroLM", "ctc_decoder", "with_penalty"]


class _WithPenalty(CTCDecoderLM):
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


def with_penalty(model: CTCDecoderLM, weight: float, penalty: float) -> CTCDecoderLM:
    """``weight`` · ``model`` + ``penalty`` for each token."""
    return _WithPenalty(model, weight, penalty)
