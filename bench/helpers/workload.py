"""The same audio, masks, negatives and labels for everybody who is measured.

Audio is coloured noise of zero mean and unit variance. Lengths are a few samples off the round second, so that
nobody gains from lengths that divide well. All dropouts and layer drop are 0.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.heads.masking import sample_negatives, span_mask
from espnet_bljust.units import SAMPLE_RATE

ROOT = Path(__file__).parents[2]
VOCABULARY = 32
TOKENS_PER_SECOND = 14
BATCHES = {"mixed": (2.0, 3.0, 4.0, 6.0, 15.0), "like": (7.5,) * 4}  # seconds
NO_DROPOUT = dict.fromkeys(("dropout", "attention_dropout", "activation_dropout", "projection_dropout",
                            "feature_dropout", "layer_drop"), 0.0)


class Workload(NamedTuple):
    """One batch; an entry an utterance in each list."""

    waves: list[Tensor]  # (sample,)
    masks: list[Tensor]  # (frame,) bool
    negatives: list[Tensor]  # (masked, 100)
    labels: list[Tensor]  # (token,) 1 .. VOCABULARY - 1

    @property
    def padded(self) -> tuple[Tensor, Tensor]:
        """(utterance, sample) with zeros behind the end, and the attention mask, 1 on samples."""
        waves = torch.nn.utils.rnn.pad_sequence(self.waves, batch_first=True)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(wave), dtype=torch.long) for wave in self.waves], True)
        return waves, mask


def make_workload(seconds: tuple[float, ...], trunk: TrunkConfig, seed: int = 0) -> Workload:
    """Masks as in wav2vec 2.0: spans of 10 frames over 65 % of them before overlap; 100 negatives a frame."""
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    waves, masks, negatives, labels = [], [], [], []
    for index, duration in enumerate(seconds):
        samples = int(duration * SAMPLE_RATE) - 37 * index
        wave = torch.randn(samples + 3, generator=generator).unfold(0, 4, 1).mean(1)
        waves.append((wave - wave.mean()) / wave.std())
        mask = span_mask(trunk.num_frames(samples), probability=0.65, span=10, rng=rng)
        masks.append(torch.from_numpy(mask))
        negatives.append(torch.from_numpy(sample_negatives(int(mask.sum()), 100, rng)))
        labels.append(torch.from_numpy(rng.integers(1, VOCABULARY, int(TOKENS_PER_SECOND * duration))))
    return Workload(waves, masks, negatives, labels)


def read_size(name: str) -> tuple[TrunkConfig, SSLConfig]:
    """Of conf/size, without dropout."""
    settings = read_yaml_keys(ROOT / f"conf/size/{name}.yaml")
    return TrunkConfig.from_dict({**settings["trunk_conf"], **NO_DROPOUT}), SSLConfig.from_dict(settings["ssl_conf"])
