"""The Gumbel product quantizer: each group of codes gives one vector, the groups are concatenated.

    p = softmax((l + n) / τ),  n ~ Gumbel(0, 1);  the vector of argmax p, with the gradient of p (straight through)
Source: Baevski et al., arXiv:2006.11477, section 2, eq. 1; Jang et al., arXiv:1611.01144.
`weight_proj` and `codevectors` are Hugging Face's names; fairseq's are `weight_proj` and `vars`.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Quantized(NamedTuple):
    """Quantized rows and how many codes are in use."""

    rows: Tensor  # (row, out_dim)
    codes: Tensor  # (row, group) int64
    code_perplexity: Tensor  # (group,) of the chosen codes: 1 .. code
    probability_perplexity: Tensor  # (group,) of the mean softmax of l; has a gradient
    probability_sum: Tensor  # (group, code) softmax of l summed over rows; has a gradient


class GumbelQuantizer(nn.Module):
    """Noise in training only; in evaluation the code of the largest logit is taken."""

    def __init__(self, in_dim: int, out_dim: int, groups: int, codes: int) -> None:
        super().__init__()
        self.groups, self.num_codes = groups, codes
        self.weight_proj = nn.Linear(in_dim, groups * codes)
        self.codevectors = nn.Parameter(torch.empty(1, groups * codes, out_dim // groups).uniform_())
        nn.init.normal_(self.weight_proj.weight)
        nn.init.zeros_(self.weight_proj.bias)

    def forward(self, rows: Tensor, temperature: float, noise: Tensor | None = None) -> Quantized:
        """rows (row, in_dim); noise (row, group, code), drawn from the global generator when None."""
        logits = self.logits(rows)
        noisy = logits
        if self.training:
            noisy = logits + (-torch.empty_like(logits).exponential_().log() if noise is None else noise.to(logits))
        soft = (noisy / temperature).softmax(-1)
        codes = noisy.argmax(-1)
        hard = torch.zeros_like(soft).scatter_(-1, codes[..., None], 1.0)
        through = hard - soft.detach() + soft  # (row, group, code)
        vectors = self.codevectors.view(self.groups, self.num_codes, -1)
        quantized = torch.bmm(through.transpose(0, 1), vectors.to(through)).transpose(0, 1)  # (row, group, dim / group)
        likely = logits.softmax(-1)
        return Quantized(quantized.flatten(1), codes, perplexity(hard), perplexity(likely), likely.sum(0))

    def logits(self, rows: Tensor) -> Tensor:
        """(row, in_dim) -> (row, group, code), float32 at least."""
        logits = self.weight_proj(rows).view(len(rows), self.groups, self.num_codes)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))


def perplexity(probabilities: Tensor) -> Tensor:
    """(row, group, code) -> (group,): exp of the entropy of the mean row; 0 rows give 0."""
    if len(probabilities) == 0:
        return probabilities.sum((0, 2))
    mean = probabilities.mean(0)
    return torch.exp(-torch.xlogy(mean, mean).sum(-1))
