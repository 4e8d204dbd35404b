"""A trained network, its tokenizer and a search, ready to turn audio into text."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from espnet_bljust.data.audio.recording import open_recording, resampled
from espnet_bljust.decoding.align import align
from espnet_bljust.decoding.beam_search import BeamSearch, Found
from espnet_bljust.decoding.language_model import read_language_model
from espnet_bljust.decoding.load_model import load_model
from espnet_bljust.decoding.recognition import Hypothesis, Recognition, mono, recognise_blocks
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.decoding.trained_model import Model, from_experiment
from espnet_bljust.decoding.transcripts import require_window
from espnet_bljust.decoding.word_times import Clock, Word, words_of
from espnet_bljust.errors import InputError
from espnet_bljust.network.heads.ctc import greedy


class Recogniser:
    """Audio to text: CTC search over a trained network in `eval` mode; greedy until ``search_by`` says otherwise.

        recogniser = Recogniser.from_pretrained("exp/<tag>")
        print(recogniser.recognise("talk.flac").text)
    """

    def __init__(self, model: Model, device: str = "cpu") -> None:
        self.network = model.network.to(device).eval()
        self.tokenizer, self.token_type = model.tokenizer, model.token_type
        self.token_list = self.tokenizer.vocabulary
        self.device = device
        self.frames = model.network.trunk.config  # where they lie, in samples
        self.num_best = 1  # hypotheses that a search is asked for
        self.beam: BeamSearch | None = None

    @classmethod
    def from_pretrained(cls, model: Path | str, *, weights: str = "average.pth", device: str = "cpu") -> Self:
        """``model``: exp/<tag>, a pack of stage 14 (zip or folder), a folder of Wav2Vec2ForCTC, or a name on a hub.

        weights: which file of an experiment's folder; device: "cpu", "cuda", "cuda:1", ... An InputError says what is
        wrong with a model and how to mend it.
        """
        return cls(load_model(str(model), weights), device)

    @classmethod
    def from_experiment(cls, exp_dir: Path, weights: Path, device: str = "cpu") -> Self:
        """With any file of its weights."""
        return cls(from_experiment(exp_dir, weights), device)

    def search_by(self, settings: SearchSettings, ngram: Path | None = None) -> None:
        """Search as ``settings`` say, with the language model in the ARPA file ``ngram``."""
        if settings.search == "beam" and self.network.head_name != "ctc":
            raise InputError("--search beam: this network says one class an utterance; there is nothing to search. "
                             "Use greedy search, and no language model.")
        self.beam = None
        if settings.search == "beam":
            model = read_language_model(ngram, self.token_list, settings.ngram_unit) if ngram else None
            self.beam = BeamSearch(self.token_list, settings, model, self.tokenizer.splitter)
        self.num_best = settings.nbest

    def recognise(self, audio: Path | str | np.ndarray | Tensor, rate: int | None = None, *,
                  window_seconds: float = 20.0) -> Recognition:
        """``audio``: a file of any rate, length and number of channels, or samples of ``rate`` Hz.

        Samples are floats between -1 and 1, (sample,) or (sample, channel), whose mean is heard. window_seconds: audio
        that the network sees at once; longer recordings are cut where they are quiet. An InputError names what cannot
        be read.
        """
        self.require_words()
        require_window(window_seconds)
        if isinstance(audio, Path | str):
            with open_recording(str(audio)) as blocks:
                return self.recognise_blocks(blocks, window_seconds)._replace(short_seconds=blocks.short_seconds)
        if not rate or rate < 0:
            raise InputError(f"rate {rate}: samples need their sampling rate in Hz. Write recognise(samples, 16000), "
                             "say.")
        return self.recognise_blocks(resampled([mono(audio)], rate), window_seconds)

    def recognise_blocks(self, blocks: Iterable[np.ndarray], window_seconds: float) -> Recognition:
        """blocks: (sample,) float32 at 16 kHz each, of which no more is held than one and a window."""
        return recognise_blocks(blocks, self, window_seconds)

    def require_words(self, name: str = "this model") -> None:
        """InputError where the network says one class an utterance; ``name``: for the error."""
        if self.network.head_name != "ctc":
            raise InputError(f"{name}: says one class an utterance, and no words. Classify a data set: stage 12.")

    def __call__(self, waves: list[Tensor]) -> list[Hypothesis]:
        """waves: (sample,) float32 at 16 kHz each; audio too short for one frame is recognised as silence."""
        return [self.nbest(part)[0] for part in self.log_probabilities(waves)]

    @torch.inference_mode()
    def log_probabilities(self, waves: list[Tensor]) -> list[Tensor]:
        """(frame, token) float32 each, a row a frame; none for audio shorter than a frame."""
        posteriors = [torch.zeros(0, len(self.token_list), device=self.device)] * len(waves)
        long = [index for index, wave in enumerate(waves) if self.frames.num_frames(len(wave))]
        if long:
            logits, lengths = self.network.recognise([waves[index].to(self.device) for index in long])
            for index, part in zip(long, logits.float().log_softmax(-1).split(lengths), strict=True):
                posteriors[index] = part
        return posteriors

    def nbest(self, log_probability: Tensor) -> list[Hypothesis]:
        """The hypotheses of one utterance, best first, at least one."""
        if not len(log_probability):
            return [Hypothesis("", [], [], 0.0)]
        if self.beam is None:
            (ids,) = greedy(log_probability, [len(log_probability)])
            best = [Found(ids, float(log_probability.max(-1).values.sum()))]
        else:
            best = self.beam(log_probability)
        return [Hypothesis(self.tokenizer.decode(ids), [self.token_list[token] for token in ids], ids, score)
                for ids, score in best]

    def words(self, log_probability: Tensor, hypothesis: Hypothesis) -> list[Word]:
        """The words of a hypothesis with times, by the best path that collapses to it."""
        spans = align(log_probability, hypothesis.ids)
        clock = Clock(self.frames.hop, self.frames.first_centre)
        return words_of(hypothesis.ids, spans, self.tokenizer, self.token_type, clock)
