"""The penalised objective, and the edge that scales a gradient on its way back.

    min_{theta, phi} f(theta, phi)   subject to   theta in argmin_{theta', eta} g(theta', eta)     bilevel problem
    F_gamma(theta, phi, eta) = f(theta, phi) + gamma [g(theta, eta) - min g]                       penalty form
min g is a constant, has no gradient, and is left out of the code.
Source: Saif et al., ICASSP 2024, arXiv:2401.06980; theory: Shen and Chen, arXiv:2302.05185.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


class ByLoss[Value](dict[str, Value]):
    """A value for each loss by its name, from the upper level down: f is ``supervised``, g ``self_supervised``.

    A loss that the phase does not use, given as None, is not in it.
    """

    def __init__(self, supervised: Value | None = None, self_supervised: Value | None = None, **others: Value | None):
        values = {"supervised": supervised, "self_supervised": self_supervised, **others}
        super().__init__({name: value for name, value in values.items() if value is not None})

    @property
    def supervised(self) -> Value | None:
        return self.get("supervised")

    @property
    def self_supervised(self) -> Value | None:
        return self.get("self_supervised")


class LossSums(ByLoss[Tensor]):
    """Sums of one forward pass before any division, () in nats: f over labelled utterances, g over masked frames."""


class Counts(ByLoss[float]):
    """What the sums are divided by, over a whole optimizer step: all micro-batches of all processes."""


def penalised(sums: LossSums, counts: Counts, weights: Mapping[str, float]) -> Tensor:
    """F_gamma without its constant: the scalar that backward() is called on.

    ``weights``, by loss: 1 of f; of g gamma, or 1 in exploration (where g is the whole objective) and behind a
    gradient-scale edge.
    """
    return sum(weights[name] * total / max(counts[name], 1.0) for name, total in sums.items())


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tensor: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.scale, None


def gradient_scale_edge(gamma: float) -> Callable[[Tensor], Tensor]:
    """Identity forwards, times gamma backwards.

    Put wherever the trunk enters the self-supervised part, under f + g, it gives theta
    grad f + gamma grad g while eta keeps grad g with its own rate (`eta_step: own`).
    """
    return lambda tensor: _ScaleGradient.apply(tensor, gamma)
