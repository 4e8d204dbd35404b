"""Masked frames, negatives and Gumbel noise of a batch, or CPC's cuts, drawn an utterance and a pass at a time.

Drawn here and not in the model, so that the divisor of g is known before the first backward pass, and the
draw depends on (seed, pass, utterance) alone: not on the batch, the process or a restart.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from espnet_bljust.errors import InputError
from espnet_bljust.keys import Count, Group, key
from espnet_bljust.network.config import CPCConfig
from espnet_bljust.network.convert.fit import Shape
from espnet_bljust.network.heads.cpc import stretches
from espnet_bljust.network.heads.masking import sample_negatives, span_mask
from espnet_bljust.network.systems import SSLKind
from espnet_bljust.network.trunks.log_mel import SpectrumMask
from espnet_bljust.randomness import derive_seed
from espnet_bljust.training.augment import AugmentConfig, Turn, channel_masks, spectrum_masks


@dataclass(frozen=True)
class MaskingConfig(Group):
    """Span masks of the trunk's frames (20 ms; 40 or 80 ms of the conformer)."""

    conf: ClassVar[str] = "masking_conf"

    pool_probability: float = key(0.65, "share of pool frames that start a span, times its length", least=0, most=1)
    pool_span: Count = key(10, "length of a span on the pool", unit="frames", least=1)
    labelled_probability: float = key(0.5, "the same of labelled audio; 0: no masks", least=0, most=1)
    labelled_span: Count = key(10, "length of a span on labelled audio", unit="frames", least=1)
    labelled_min_spans: Count = key(0, "in a labelled utterance, as far as they fit; 2 in fairseq", least=0)
    num_negatives: Count = key(100, "for each masked frame, of its utterance", least=1)


class PoolDraw(NamedTuple):
    """The random part of the self-supervised loss over one batch."""

    mask: Tensor  # (row,) bool over the packed frames: the targets
    negatives: list[Tensor]  # an utterance: (masked, negative) indices into its masked frames
    noise: Tensor  # (masked, group, code) Gumbel noise of the quantizer
    cuts: list[list[slice]] | None = None  # CPC: the pieces of each utterance, in samples; rows are theirs

    def pieces(self, waves: list[Tensor]) -> list[Tensor]:
        """What the network takes: the utterances, or what CPC cuts out of them."""
        if self.cuts is None:
            return waves
        return [wave[piece] for wave, pieces in zip(waves, self.cuts, strict=True) for piece in pieces]


class LabelledDraw(NamedTuple):
    """What is hidden of a labelled batch; of several views, of one behind that of the other."""

    mask: Tensor  # (row,) bool over the packed frames
    spectrum: SpectrumMask | None = None  # of its log-mel
    channels: Tensor | None = None  # (utterance, channel) bool, of what its encoder reads
    views: int = 1


class Drawing(NamedTuple):
    """How this run draws: a pure function of utterance and pass."""

    masking: MaskingConfig
    ssl: SSLKind
    num_frames: Callable[[int], int]
    edge_frames: int  # at either end of a future, which are no targets
    seed: int
    augment: AugmentConfig = AugmentConfig()
    num_mels: int = 0  # 0: a trunk that reads no log-mel
    dim: int = 0  # of what the encoder reads
    views: int = 1  # how often a labelled utterance is in a batch, each time masked anew

    @classmethod
    def of(cls, shape: Shape, masking: MaskingConfig, augment: AugmentConfig, seed: int) -> Self:
        """For a network."""
        trunk = shape.trunk
        num_mels = getattr(trunk, "num_mels", 0)
        if augment.masks_spectrum and num_mels == 0:
            raise InputError("augment_conf: num_freq_masks and time_masks_per_second hide a spectrogram, which "
                             "trunk wav2vec2 does not read. Remove them; masking_conf hides its frames.")
        return cls(masking, shape.ssl, trunk.num_frames, trunk.edge_frames, seed, augment, num_mels, trunk.dim,
                   shape.head.views)

    @property
    def codebook(self) -> tuple[int, int]:
        """(groups, codes) of the quantizer; CPC has none."""
        return (0, 0) if isinstance(self.ssl, CPCConfig) else (self.ssl.groups, self.ssl.codes)

    def pool(self, turn: Turn, utterances: list[str], num_samples: list[int]) -> PoolDraw:
        """Of a batch of the pool."""
        if isinstance(self.ssl, CPCConfig):
            return draw_cuts(utterances, num_samples, self, turn.epoch)
        frames = [self.num_frames(samples) for samples in num_samples]
        return draw_pool(utterances, frames, self.masking, self.codebook, self.seed, turn.epoch)

    def has_targets(self, num_samples: int) -> bool:
        """Whether audio so long is ever a target of the self-supervised loss; it does not depend on the draw."""
        return self.num_frames(num_samples) > 0 and bool(self.pool(Turn(0), [""], [num_samples]).mask.any())

    def labelled(self, turn: Turn, utterances: list[str], num_samples: list[int]) -> LabelledDraw:
        """Of a labelled batch."""
        seeds = [self.seed, *(derive_seed(self.seed, "view", view) for view in range(1, self.views))]
        views = [self._view(turn, utterances, num_samples, seed) for seed in seeds]
        masks, spectra, channels = ([view[place] for view in views] for place in range(3))
        return LabelledDraw(
            torch.cat(masks), None if spectra[0] is None else SpectrumMask(*map(torch.cat, zip(*spectra, strict=True))),
            None if channels[0] is None else torch.cat(channels), self.views)

    def _view(self, turn: Turn, utterances: list[str], num_samples: list[int], seed: int) -> LabelledDraw:
        frames = [self.num_frames(samples) for samples in num_samples]
        masking = replace(self.masking, labelled_probability=turn.strength * self.masking.labelled_probability,
                          labelled_min_spans=int(turn.strength * self.masking.labelled_min_spans))
        spectrum = channels = None
        if self.augment.masks_spectrum:
            spectrum = spectrum_masks(
                turn, utterances, num_samples, self.augment, num_mels=self.num_mels, seed=seed)
        if self.augment.channel_mask_probability > 0:
            channels = channel_masks(turn, utterances, self.augment, dim=self.dim, seed=seed)
        return LabelledDraw(labelled_masks(utterances, frames, masking, seed, turn.epoch), spectrum, channels)


def draw_pool(
    utterances: list[str], lengths: list[int], config: MaskingConfig, codebook: tuple[int, int], seed: int, epoch: int
) -> PoolDraw:
    """``lengths``: frames; ``codebook``: (groups, codes)."""
    masks, negatives, noise = [], [], []
    for utterance, frames in zip(utterances, lengths, strict=True):
        rng = np.random.default_rng(derive_seed(seed, "pool mask", epoch, utterance))
        mask = _mask(frames, config.pool_probability, config.pool_span, rng, min_spans=2)
        masked = int(mask.sum())
        if masked < 2:  # no negative can be drawn: the utterance is too short to be a target
            mask[:], masked = False, 0
        masks.append(mask)
        negatives.append(torch.as_tensor(sample_negatives(masked, config.num_negatives, rng)))
        noise.append(torch.from_numpy(_gumbel((masked, *codebook), rng)))
    return PoolDraw(torch.from_numpy(np.concatenate(masks)), negatives, torch.cat(noise))


def draw_cuts(utterances: list[str], num_samples: list[int], drawing: Drawing, epoch: int) -> PoolDraw:
    """Contexts and futures in turn; an utterance too short for two frames of future is a context alone."""
    masks, negatives, cuts = [], [], []
    for utterance, samples in zip(utterances, num_samples, strict=True):
        rng = np.random.default_rng(derive_seed(drawing.seed, "pool cut", epoch, utterance))
        pieces = [slice(*ends) for first, border, end in stretches(samples, drawing.ssl, rng)
                  for ends in ((first, border), (border, end))]
        frames = [drawing.num_frames(piece.stop - piece.start) for piece in pieces]
        edge, targets = drawing.edge_frames, sum(max(0, count - 2 * drawing.edge_frames) for count in frames[1::2])
        if min(frames) == 0 or min(frames[1::2]) <= 2 * edge or targets < 2:
            pieces, frames, targets = [slice(0, samples)], [drawing.num_frames(samples)], 0
        cuts.append(pieces)
        for place, count in enumerate(frames):
            masks.append(np.full(count, place % 2 == 1))
            masks[-1][:edge] = masks[-1][count - edge :] = False
        drawn = sample_negatives(targets, drawing.masking.num_negatives, rng)
        negatives.append(torch.from_numpy(drawn))
    targets = sum(map(len, negatives))
    return PoolDraw(torch.from_numpy(np.concatenate(masks)), negatives, torch.zeros(targets, 0, 0), cuts)


def labelled_masks(utterances: list[str], lengths: list[int], config: MaskingConfig, seed: int, epoch: int) -> Tensor:
    """(row,) bool: the fine-tuning masks of the labelled utterances."""
    least = config.labelled_min_spans if config.labelled_probability > 0 else 0
    masks = []
    for utterance, frames in zip(utterances, lengths, strict=True):
        rng = np.random.default_rng(derive_seed(seed, "labelled mask", epoch, utterance))
        masks.append(_mask(frames, config.labelled_probability, config.labelled_span, rng, least))
    return torch.from_numpy(np.concatenate(masks))


def _gumbel(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Minus the logarithm of an exponential variate: four times as fast as numpy's own, and most of a batch's draws."""
    return -np.log(rng.standard_exponential(shape).astype(np.float32))


def _mask(frames: int, probability: float, span: int, rng: np.random.Generator, min_spans: int) -> np.ndarray:
    span = min(span, max(1, frames // 2))
    return np.asarray(span_mask(frames, probability=probability, span=span, rng=rng, min_spans=min_spans), dtype=bool)
