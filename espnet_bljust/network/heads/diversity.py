"""The diversity loss of a batch that comes in parts, each part with its own share of value and gradient.

    L_d = (G V − Σ_g exp H(p̄_g)) / (G V),   p̄ = mean of softmax(l) over the masked frames of all parts
Source: Baevski et al., arXiv:2006.11477, eq. 4, in the published programs' perplexity form.
L_d is no sum over frames, but its gradient is: ∇L_d = Σ_frames ⟨∂L_d/∂p̄, ∇softmax(l)⟩ / frames. So parts that know the
whole p̄ add up to the whole loss: ∂ exp H / ∂p = −exp H (log p + 1).
"""

import torch
from torch import Tensor


def diversity_share(part: Tensor, whole: Tensor) -> Tensor:
    """(): a part's share of L_d. part, whole: (group, code), softmax(l) summed over the frames of the part, of all.

    Only ``part`` has a gradient.
    """
    frames = (whole.sum() / len(whole)).clamp_min(1)  # a batch without a masked frame has no share
    mean = (whole / frames).clamp_min(torch.finfo(whole.dtype).tiny)
    perplexity = torch.exp(-(mean * mean.log()).sum(1, keepdim=True))  # (group, 1)
    slope = perplexity * (mean.log() + 1) / mean.numel()
    linear = (slope * part).sum() / frames
    value = (1 - perplexity.sum() / mean.numel()) * part.detach().sum() / (len(whole) * frames)
    return value + linear - linear.detach()
