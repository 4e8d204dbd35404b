"""The self-supervised head (eta): quantizer, and the two projections into the space of similarities.

    L_m + α L_d:  contrastive loss, and diversity L_d = (G V − Σ_g exp H(p̄_g)) / (G V)
Source: Baevski et al., arXiv:2006.11477, eq. 2 to 4; the perplexity form of L_d is the published programs'.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from espnet_bljust.network.config import SSLConfig
from espnet_bljust.network.contrastive import contrast
from espnet_bljust.network.quantizer import GumbelQuantizer


class SSLSums(NamedTuple):
    """Over the masked frames of a batch."""

    contrastive: Tensor  # () nats, summed
    diversity: Tensor  # () 0 (all codes in use) .. 1
    num_masked: int
    correct: Tensor  # () frames
    code_perplexity: Tensor  # () summed over groups
    probability_perplexity: Tensor  # () summed over groups
    probability_sum: Tensor  # (group, code) summed over frames


class SelfSupervisedHead(nn.Module):
    """Works on masked frames alone: rows that are no target never come here."""

    def __init__(self, dim: int, feature_dim: int, config: SSLConfig) -> None:
        super().__init__()
        self.config = config
        self.quantizer = GumbelQuantizer(feature_dim, config.latent_dim, config.groups, config.codes)
        self.project_hidden = nn.Linear(dim, config.final_dim)
        self.project_quantized = nn.Linear(config.latent_dim, config.final_dim)

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
        diversity = (entries - quantized.probability_perplexity) / entries
        return SSLSums(sums.loss, diversity, len(hidden), sums.correct, quantized.code_perplexity.detach(),
                       quantized.probability_perplexity, quantized.probability_sum)
