"""Contrastive predictive coding as g: from what the trunk makes of a context, know the frames of the audio behind it.

    L = Σ_k − log( exp(sim(W_k c, V z_k) / κ) / Σ_{z ∈ {z_k} ∪ negatives} exp(sim(W_k c, V z) / κ) )
c: the trunk's output at the context's last frame; z_k: features of the k-th frame of the future, straight from extract.
sim is the cosine and κ 0.1, as in the published BL-JUST: context 2 s, future 1 s. The trunk looks both ways, so context
and future are cut apart as audio and the trunk never hears the two together. Negatives are other future frames of the
same utterance. g is L alone: features cannot collapse, since equal ones would give log(negatives + 1).
A z that told its place k would be found by W_k without the context. So frames whose features see the padding at
either end of the future are no targets (edge_frames), and a trunk whose features look further, by attention, gives
those of its first convolution (early_dim).
Source: van den Oord et al., arXiv:1807.03748, eq. 3 and 4, where f_k = exp(zᵀ W_k c); here W_k is VᵀW_k.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from espnet_bljust.network.config import CPCConfig
from espnet_bljust.network.heads.contrastive import contrast
from espnet_bljust.network.heads.ssl_head import Reading, SSLSums
from espnet_bljust.units import SAMPLE_RATE


def stretches(num_samples: int, config: CPCConfig, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """(first sample, border of context and future, end) of as many stretches as fit, at a random place.

    An utterance shorter than one is a stretch of its own, divided in the same ratio.
    """
    context, future = round(config.context_seconds * SAMPLE_RATE), round(config.future_seconds * SAMPLE_RATE)
    whole = context + future
    if num_samples < whole:
        return [(0, num_samples * context // whole, num_samples)]
    count = num_samples // whole
    start = int(rng.integers(num_samples - count * whole + 1))
    return [(first, first + context, first + whole) for first in range(start, start + count * whole, whole)]


class CPCHead(nn.Module):
    """W_1 .. W_K in one linear layer, and V (eta); K is the number of targets in the longest future."""

    parts_are_coupled = False
    reads_early = True  # features that tell nothing of their place in the future

    def __init__(self, dim: int, early_dim: int, config: CPCConfig, num_steps: int) -> None:
        super().__init__()
        self.config, self.num_steps = config, num_steps
        self.predict = nn.Linear(dim, num_steps * config.final_dim, bias=False)
        self.project = nn.Linear(early_dim, config.final_dim, bias=False)

    @staticmethod
    def reading(targets: Tensor, lengths: list[int]) -> Reading:
        """Futures, whose frames are the targets, stay out of the encoder; a future's context stands before it."""
        future = [bool(part.any()) for part in targets.split(lengths)]
        encoded = [length for length, later in zip(lengths, future, strict=True) if not later]
        last = [following for later, following in pairwise([*future, False]) if not later]
        wanted = torch.zeros(sum(encoded), dtype=torch.bool)
        wanted[(torch.tensor(encoded).cumsum(0) - 1)[torch.tensor(last)]] = True
        return Reading([not later for later in future], torch.zeros_like(wanted), wanted)

    def forward(
        self, hidden: Tensor, features: Tensor, *, lengths: list[int], negatives: list[Tensor], temperature: float,
        noise: Tensor | None = None,
    ) -> SSLSums:
        """hidden (context, dim), features (target, early_dim), lengths: targets behind each context, or 0.

        negatives: (target, negative) of each utterance, over all its futures; the quantizer's arguments are not read.
        """
        steps = [length for length in lengths if length]
        if len(steps) != len(hidden) or sum(map(len, negatives)) != len(features):
            raise ValueError(f"{len(hidden)} contexts and negatives of {sum(map(len, negatives))} targets do not fit "
                             f"futures of {steps} frames")
        predicted = torch.arange(self.num_steps) < torch.tensor(steps, dtype=torch.int64)[:, None]  # of each context
        index = predicted.flatten().nonzero()[:, 0].to(hidden.device, non_blocking=True)
        predictions = self.predict(hidden).view(-1, self.config.final_dim).index_select(0, index)
        targets = self.project(features)
        with torch.autocast(hidden.device.type, enabled=False):
            sums = contrast(predictions, targets, identities=torch.arange(len(targets), device=targets.device),
                            negatives=negatives, temperature=self.config.temperature)
        return SSLSums(sums.loss, len(targets), sums.correct, sums.guess, sums.asked)

    def total(self, sums: SSLSums, penalty_sum: Tensor, rows: int, totals: None = None) -> Tensor:
        """g times the number of targets."""
        return sums.contrastive

    def temperature(self, num_updates: int) -> float:
        """Nothing here is annealed."""
        return self.config.temperature
