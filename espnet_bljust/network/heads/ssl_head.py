"""The self-supervised head (eta): quantizer, and the two projections into the space of similarities.

    L_m + α L_d:  contrastive loss, and diversity L_d = (G V − Σ_g exp H(p̄_g)) / (G V)
Source: Baevski et al., arXiv:2006.11477, eq. 2 to 4; the perplexity form of L_d is the published programs'.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from espnet_bljust.network.config import SSLConfig
from espnet_bljust.network.heads.contrastive import contrast
from espnet_bljust.network.heads.diversity import diversity_share
from espnet_bljust.network.heads.quantizer import GumbelQuantizer


class SSLSums(NamedTuple):
    """Over the targets of a batch: its masked frames, or in CPC the frames of its futures."""

    contrastive: Tensor  # () nats, summed
    num_masked: int
    correct: Tensor  # () frames, of those that have a negative
    guess: Tensor  # () nats, summed: what the contrastive loss would be without any knowledge
    asked: Tensor  # () frames that have a negative
    # of the quantizer; CPC has none
    diversity: Tensor | None = None  # () 0 (all codes in use) .. 1
    code_perplexity: Tensor | None = None  # (group,)
    probability_perplexity: Tensor | None = None  # (group,)
    probability_sum: Tensor | None = None  # (group, code) summed over frames


class PoolTotals(NamedTuple):
    """Over all parts of a batch: micro-batches, processes."""

    masked: float  # frames
    rows: float  # frames of the pool
    probability_sum: Tensor  # (group, code)


class Reading(NamedTuple):
    """What a head wants of the trunk."""

    encoded: list[bool]  # which of the pool's utterances go through the encoder
    hidden: Tensor  # (encoded row,) bool: behind the mask embedding
    wanted: Tensor  # (encoded row,) bool: whose output is read


class SelfSupervisedHead(nn.Module):
    """Works on masked frames alone: rows that are no target never come here."""

    parts_are_coupled = True  # by the diversity, which is of a batch as a whole
    reads_early = False  # features, as the encoder does

    def __init__(self, dim: int, feature_dim: int, config: SSLConfig) -> None:
        super().__init__()
        self.config = config
        self.quantizer = GumbelQuantizer(feature_dim, config.latent_dim, config.groups, config.codes)
        self.project_hidden = nn.Linear(dim, config.final_dim)
        self.project_quantized = nn.Linear(config.latent_dim, config.final_dim)

    @staticmethod
    def reading(targets: Tensor, lengths: list[int]) -> Reading:
        """Every frame is encoded; those that are targets are hidden, and their output is read."""
        return Reading([True] * len(lengths), targets, targets)

    def forward(
        self, hidden: Tensor, features: Tensor, *, lengths: list[int], negatives: list[Tensor], temperature: float,
        noise: Tensor | None = None,
    ) -> SSLSums:
        """hidden (masked, dim), features (masked, feature_dim); lengths: masked frames of each utterance.

        negatives: (masked, negative) of each utterance; temperature and noise are the quantizer's.
        """
        if [len(negative) for negative in negatives] != lengths or sum(lengths) != len(hidden):
            raise ValueError(f"negatives of {[len(one) for one in negatives]} frames do not fit {lengths} masked ones")
        quantized = self.quantizer(features, temperature, noise)
        place = self.config.codes ** torch.arange(self.config.groups, device=hidden.device)
        predictions, targets = self.project_hidden(hidden), self.project_quantized(quantized.rows.to(hidden.dtype))
        with torch.autocast(hidden.device.type, enabled=False):  # bfloat16 is too coarse for similarities / 0.1
            sums = contrast(predictions, targets, identities=(quantized.codes * place).sum(1), negatives=negatives,
                            temperature=self.config.temperature)
        entries = self.config.groups * self.config.codes
        diversity = (entries - quantized.probability_perplexity.sum()) / entries
        return SSLSums(
            sums.loss, len(hidden), sums.correct, sums.guess, sums.asked, diversity,
            quantized.code_perplexity.detach(), quantized.probability_perplexity, quantized.probability_sum)

    def total(self, sums: SSLSums, penalty_sum: Tensor, rows: int, totals: PoolTotals | None = None) -> Tensor:
        """g times the number of masked frames; of a part of a larger batch, its share, by the batch's ``totals``.

        penalty_sum: () mean square of the features, summed over the ``rows`` of the pool.
        """
        if totals is None:
            totals = PoolTotals(sums.num_masked, rows, sums.probability_sum.detach())
        diversity = diversity_share(sums.probability_sum, totals.probability_sum)
        weighted = self.config.diversity_weight * diversity + self.config.penalty_weight * penalty_sum / totals.rows
        return sums.contrastive + totals.masked * weighted

    def temperature(self, num_updates: int) -> float:
        """Of the quantizer, after so many updates of the self-supervised loss."""
        start, end, factor = self.config.gumbel
        return max(end, start * factor**num_updates)
