"""Errors of any weights of an experiment on its own dev set, greedily, to choose between them."""

from pathlib import Path
from typing import NamedTuple, Self

import torch

from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.decoding.heard import heard
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.decoding.tuning import count_errors, every_nth
from espnet_bljust.disk.settings_file import run_settings
from espnet_bljust.units import SAMPLE_RATE

MOST_MINUTES = 30.0  # of dev audio; of more every n-th utterance is heard
BATCH = 8  # utterances
UNITS_ARE_WORDS = ("phn", "word")


class DevErrors(NamedTuple):
    """A dev set, or an even part of it."""

    exp_dir: Path
    references: list[str]
    entries: list[str]  # of wav.scp
    words: bool  # whether words are counted; else characters
    device: str

    @classmethod
    def of(cls, exp_dir: Path) -> Self | None:
        """The dev set of train.yaml; None where it is not there any more, or was never named."""
        settings = run_settings(exp_dir)
        sources = settings.get("valid_data_path_and_name_and_type") or [["", "", ""]]
        folder = Path(sources[0][0]).parent
        if not all((folder / name).is_file() for name in ("wav.scp", "text", "utt2num_samples")):
            return None
        text, wav = read_table(folder / "text"), read_table(folder / "wav.scp")
        samples = {name: int(count) for name, count in read_table(folder / "utt2num_samples").items()}
        names = every_nth(sorted(text), samples, MOST_MINUTES * 60 * SAMPLE_RATE)
        words = settings.get("token_type") in UNITS_ARE_WORDS
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(exp_dir, [text[name] for name in names], [wav[name] for name in names], words, device)

    def rate(self, weights: Path) -> float:
        """Errors a reference word or character with these weights."""
        recogniser = Recogniser.from_experiment(self.exp_dir, weights, self.device)
        texts = []
        for first in range(0, len(self.entries), BATCH):
            waves = [heard(entry) for entry in self.entries[first : first + BATCH]]
            texts += [hypothesis.text for hypothesis in recogniser(waves)]
        words, characters = count_errors(self.references, texts)
        return (words if self.words else characters).error_rate
