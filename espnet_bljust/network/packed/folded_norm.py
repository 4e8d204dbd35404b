"""Layer 0's group norm folded into one weight an utterance: the norm itself then costs nothing.

Each channel is normalised over the utterance's frames. A channel is w·x over windows x of the samples, so
    mean = w·μ,   variance = wᵀ C w        with mean μ and covariance C of the windows (10 × 10 numbers)
and  gelu(γ (w·x − mean) / sqrt(variance + ε) + β)  is a convolution with a scaled weight and a bias.
A bias of the convolution cancels against the mean.
"""

import torch
from torch import Tensor, nn


def window_statistics(wave: Tensor, kernel: int, stride: int) -> tuple[Tensor, Tensor]:
    """Mean (kernel,) and covariance (kernel, kernel) of the windows of one utterance, float64."""
    windows = wave.detach().unfold(0, kernel, stride).double()  # (frame, kernel)
    mean = windows.mean(0)
    centred = windows - mean
    return mean, centred.t() @ centred / len(windows)


def folded_weights(waves: list[Tensor], conv: nn.Conv1d, norm: nn.GroupNorm) -> Tensor:
    """(utterance, channel, kernel + 1): the weight of each tap, then the bias. Differentiable in the parameters."""
    statistics = [window_statistics(wave, conv.kernel_size[0], conv.stride[0]) for wave in waves]
    mean, covariance = (torch.stack(part) for part in zip(*statistics, strict=True))
    weight = conv.weight[:, 0].double()  # (channel, kernel)
    variance = ((weight @ covariance) * weight).sum(-1)  # (utterance, channel)
    scale = norm.weight.double() * (variance + norm.eps).rsqrt()
    shift = norm.bias.double() - scale * (mean @ weight.t())
    if conv.bias is not None:
        shift = shift + 0 * conv.bias.double()  # a gradient of zero: in DDP every parameter owes one
    return torch.cat([scale[..., None] * weight, shift[..., None]], -1).to(conv.weight.dtype)
