"""Augmentation of the labelled utterances: what is hidden of each, a pure function of (seed, pass, utterance).

The self-supervised loss sees the audio as it is. ``strength`` (0 .. 1, from the plan's augment_start and augment_ramp)
scales widths: the numbers drawn are the same at any strength, so that a ramp widens the same masks.
Sources: Park et al., arXiv:1904.08779; a number of time masks that grows with the length: arXiv:1912.05533, section 3;
channel masks: Baevski et al., arXiv:2006.11477, section 4.3.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from espnet_bljust.keys import Group, key, require
from espnet_bljust.network.heads.masking import span_mask, stripe_mask
from espnet_bljust.network.log_mel_config import HOP, mel_frames
from espnet_bljust.network.trunks.log_mel import SpectrumMask
from espnet_bljust.randomness import derive_seed
from espnet_bljust.units import SAMPLE_RATE

FRAMES_PER_SECOND = SAMPLE_RATE / HOP


class Turn(NamedTuple):
    """When an utterance is drawn for."""

    epoch: int  # pass over the data
    strength: float = 1.0  # of the augmentation


@dataclass(frozen=True)
class AugmentConfig(Group):
    """None by default. Masks on the log-mel before the subsampling have widths uniform from 0 to the largest."""

    conf: ClassVar[str] = "augment_conf"

    num_freq_masks: int = key(0, "stripes of bands that are hidden of an utterance", least=0)
    freq_mask_share: float = key(0.34, "of the bands, the widest stripe; 27 of 80", least=0, most=1)
    time_masks_per_second: float = key(0.0, "their mean number by the length of an utterance", least=0, below=100)
    time_mask_seconds: float = key(0.25, "the longest", unit="seconds", least=0, below=100)
    max_time_share: float = key(0.5, "of an utterance, that its longest masks may take side by side", least=0, most=1)
    channel_mask_probability: float = key(
        0.0, "share of the encoder input's channels that start a span of zeros, times its length", least=0, most=1)
    channel_mask_span: int = key(64, "length of such a span, over the whole utterance", unit="channels", least=1)

    noise_scp: str = key("", "recordings of noise to lay under the speech: a folder, or a wav.scp of files")
    noise_apply_prob: float = key(1.0, "share of utterances that hear one", least=0, most=1)
    noise_db_range: tuple[float, float] = key((13.0, 15.0), "signal-to-noise ratio, uniform between both", unit="dB")
    rir_scp: str = key("", "responses of rooms, likewise; the speech is heard in one")
    rir_apply_prob: float = key(1.0, "share of utterances that are in one", least=0, most=1)
    gain_db_range: tuple[float, float] = key((0.0, 0.0), "change of level, uniform between both", unit="dB")

    def check(self) -> None:
        for name in ("noise_db_range", "gain_db_range"):
            low, high = getattr(self, name)
            require(low <= high, f"{name} is [{low:g}, {high:g}], whose first is the larger")

    @property
    def masks_spectrum(self) -> bool:
        """Whether anything of the log-mel is ever hidden."""
        return self.num_freq_masks > 0 or self.time_masks_per_second > 0


def spectrum_masks(
    turn: Turn, utterances: list[str], num_samples: list[int], config: AugmentConfig, *, num_mels: int, seed: int
) -> SpectrumMask:
    """Of the utterances of a batch, each drawn by itself."""
    frames, bands = [], []
    for utterance, samples in zip(utterances, num_samples, strict=True):
        rng = np.random.default_rng(derive_seed(seed, "spectrum mask", turn.epoch, utterance))
        width = turn.strength * config.freq_mask_share * num_mels
        bands.append(stripe_mask(num_mels, count=config.num_freq_masks, width=width, rng=rng))
        count = int(config.time_masks_per_second * samples / SAMPLE_RATE + rng.random())  # exact in the mean
        longest = config.time_mask_seconds * FRAMES_PER_SECOND
        longest = min(longest, config.max_time_share * mel_frames(samples) / max(count, 1))
        frames.append(stripe_mask(mel_frames(samples), count=count, width=turn.strength * longest, rng=rng))
    return SpectrumMask(torch.from_numpy(np.concatenate(frames)), torch.from_numpy(np.stack(bands)))


def channel_masks(turn: Turn, utterances: list[str], config: AugmentConfig, *, dim: int, seed: int) -> torch.Tensor:
    """(utterance, dim) bool."""
    probability, span = turn.strength * config.channel_mask_probability, min(config.channel_mask_span, dim)
    drawn = []
    for utterance in utterances:
        rng = np.random.default_rng(derive_seed(seed, "channel mask", turn.epoch, utterance))
        drawn.append(span_mask(dim, probability=probability, span=span, rng=rng, min_spans=0))
    return torch.from_numpy(np.stack(drawn))
