"""A trained network, its tokenizer and a search, ready to turn audio into text."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from espnet_bljust.data.text.tokens import load_tokenizer
from espnet_bljust.decoding.align import align
from espnet_bljust.decoding.beam_search import BeamSearch, Found
from espnet_bljust.decoding.language_model import read_language_model
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.decoding.word_times import Clock, Word, words_of
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.errors import InputError
from espnet_bljust.network.heads.ctc import greedy
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.weights.experiment import build, read_own, shape_of


class Hypothesis(NamedTuple):
    """One utterance recognised."""

    text: str
    tokens: list[str]
    ids: list[int]
    score: float  # greedy: log probability of the best path, nats; beam search: see beam_search.py


class Recogniser:
    """CTC search over a trained network in `eval` mode; greedy until ``search_by`` says otherwise."""

    def __init__(self, network: JointNetwork, settings: dict, device: str = "cpu") -> None:
        self.network = network.to(device).eval()
        self.token_list, self.token_type = settings["token_list"], settings.get("token_type", "char")
        self.tokenizer = load_tokenizer(self.token_type, self.token_list, settings.get("bpemodel"))
        self.device = device
        self.frames = network.trunk.config  # where they lie, in samples
        self.beam: BeamSearch | None = None

    @classmethod
    def from_experiment(cls, exp_dir: Path, weights: Path, device: str = "cpu") -> "Recogniser":
        """Strict: every parameter of the file has its place and every place its parameter."""
        settings = read_yaml_keys(exp_dir / "train.yaml")
        shape = shape_of(settings, exp_dir / "train.yaml")
        return cls(build(shape, read_own(weights), str(weights)), settings, device)

    def search_by(self, settings: SearchSettings, ngram: Path | None = None) -> None:
        """Search as ``settings`` say, with the language model in the ARPA file ``ngram``."""
        if settings.search == "beam" and self.network.head_name != "ctc":
            raise InputError("--search beam: this network says one class an utterance; there is nothing to search. "
                             "Use greedy search, and no language model.")
        self.beam = None
        if settings.search == "beam":
            model = read_language_model(ngram, self.token_list, settings.ngram_unit) if ngram else None
            self.beam = BeamSearch(self.token_list, settings, model, self.tokenizer.splitter)

    def __call__(self, waves: list[Tensor]) -> list[Hypothesis]:
        """waves: (sample,) float32 at 16 kHz each; audio too short for one frame is recognised as silence."""
        return [self.nbest(part)[0] for part in self.log_probabilities(waves)]

    @torch.inference_mode()
    def log_probabilities(self, waves: list[Tensor]) -> list[Tensor]:
        """(frame, token) float32 each, a row a frame; none for audio shorter than a frame."""
        found = [torch.zeros(0, len(self.token_list), device=self.device)] * len(waves)
        long = [index for index, wave in enumerate(waves) if self.frames.num_frames(len(wave))]
        if long:
            logits, lengths = self.network.recognise([waves[index].to(self.device) for index in long])
            for index, part in zip(long, logits.float().log_softmax(-1).split(lengths), strict=True):
                found[index] = part
        return found

    def nbest(self, log_probability: Tensor) -> list[Hypothesis]:
        """The hypotheses of one utterance, best first, at least one."""
        if not len(log_probability):
            return [Hypothesis("", [], [], 0.0)]
        if self.beam is None:
            (ids,) = greedy(log_probability, [len(log_probability)])
            found = [Found(ids, float(log_probability.max(-1).values.sum()))]
        else:
            found = self.beam(log_probability)
        return [Hypothesis(self.tokenizer.decode(ids), [self.token_list[token] for token in ids], ids, score)
                for ids, score in found]

    def words(self, log_probability: Tensor, hypothesis: Hypothesis) -> list[Word]:
        """The words of a hypothesis with times, by the best path that collapses to it."""
        spans = align(log_probability, hypothesis.ids)
        clock = Clock(self.frames.hop, self.frames.first_centre)
        return words_of(hypothesis.ids, spans, self.tokenizer, self.token_type, clock)
