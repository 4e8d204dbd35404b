"""Masked frames, negatives and Gumbel noise of a batch, drawn an utterance and a pass at a time.

Drawn here and not in the model, so that the divisor of g is known before the first backward pass, and the
draw depends on (seed, pass, utterance) alone: not on the batch, the process or a restart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from espnet_bljust.errors import InputError
from espnet_bljust.network.masking import sample_negatives, span_mask
from espnet_bljust.randomness import derive_seed


@dataclass(frozen=True)
class MaskingConfig:
    """Span masks: share of frames that start a span times its length, and length in frames (20 ms)."""

    pool_probability: float = 0.65
    pool_span: int = 10
    labelled_probability: float = 0.05
    labelled_span: int = 10
    num_negatives: int = 100

    @classmethod
    def from_dict(cls, options: Mapping) -> Self:
        """From YAML; an unknown key or a number out of its range is an InputError with its name."""
        known = [field.name for field in fields(cls)]
        for name, value in options.items():
            if name not in known:
                raise InputError(f"masking_conf: unknown key {name}. Known keys: {', '.join(known)}.")
            share = name.endswith("probability")
            if not isinstance(value, int | float) or not (0 <= value <= 1 if share else value >= 1 and value % 1 == 0):
                wanted = "a share from 0 to 1" if share else "a whole number from 1"
                raise InputError(f"masking_conf: {name} is {value!r}, not {wanted}. Mend the value.")
        return cls(**options)


class PoolDraw(NamedTuple):
    """The random part of the self-supervised loss over one batch."""

    mask: Tensor  # (row,) bool over the packed frames
    negatives: list[Tensor]  # an utterance: (masked, negative) indices into its masked frames
    noise: Tensor  # (masked, group, code) Gumbel noise of the quantizer


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


def labelled_masks(utterances: list[str], lengths: list[int], config: MaskingConfig, seed: int, epoch: int) -> Tensor:
    """(row,) bool: the fine-tuning masks of the labelled utterances."""
    masks = []
    for utterance, frames in zip(utterances, lengths, strict=True):
        rng = np.random.default_rng(derive_seed(seed, "labelled mask", epoch, utterance))
        masks.append(_mask(frames, config.labelled_probability, config.labelled_span, rng, min_spans=0))
    return torch.from_numpy(np.concatenate(masks))


def _gumbel(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Minus the logarithm of an exponential variate: four times as fast as numpy's own, and most of a batch's draws."""
    return -np.log(rng.standard_exponential(shape).astype(np.float32))


def _mask(frames: int, probability: float, span: int, rng: np.random.Generator, min_spans: int) -> np.ndarray:
    span = min(span, max(1, frames // 2))
    return np.asarray(span_mask(frames, probability=probability, span=span, rng=rng, min_spans=min_spans), dtype=bool)
