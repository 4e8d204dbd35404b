"""One BL-JUST update: descend the penalised objective once, all three gradients at the same old point (Jacobi).

    theta -= alpha (grad_theta f + gamma grad_theta g)
    phi   -= alpha_phi grad_phi f
    eta   -= alpha_eta gamma grad_eta g
Sums of f and g over micro-batches and processes are divided by their own counts, so the gradient is the
one of the whole batch however it was cut. Source: Saif et al., arXiv:2412.08548, Algorithm 1.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from espnet_bljust.bilevel.penalty import Counts, LossSums, penalised
from espnet_bljust.bilevel.plan import Moment
from espnet_bljust.bilevel.roles import ROLES, set_rates


class Pull(NamedTuple):
    """How hard each loss pulls at theta in one step; None for a loss that the step does not use."""

    supervised: float | None  # ||grad_theta f||
    self_supervised: float | None  # ||gamma grad_theta g||; in exploration ||grad_theta g||
    cosine: float | None  # between both


def gradient[Batch](
    forward: Callable[[Batch], LossSums],
    batches: Sequence[Batch],
    moment: Moment,
    counts: Counts,
    *,
    world_size: int = 1,
    supervised_sink: Callable[[Tensor], None] | None = None,
) -> None:
    """Accumulate grad F_gamma over the micro-batches into ``.grad``.

    ``world_size`` undoes the mean that DistributedDataParallel takes over processes. ``supervised_sink``
    receives f's share of each micro-batch's objective before the backward pass, whose graph is kept for it.
    """
    for batch in batches:
        sums = forward(batch)
        if supervised_sink is not None and sums.supervised is not None:
            supervised_sink(sums.supervised / max(counts.supervised, 1.0))
        (world_size * penalised(sums, counts, moment.weights)).backward()


class PullMeter:
    """Splits grad_theta F of a step with both losses into its two parts: f's is taken apart, g's is the rest."""

    def __init__(self, theta: Sequence[Tensor]) -> None:
        self.theta = [parameter for parameter in theta if parameter.requires_grad]
        self.parts = [torch.zeros_like(parameter) for parameter in self.theta]

    def add(self, supervised: Tensor) -> None:
        """Add grad_theta of f's share; keeps the graph for the step's own backward pass."""
        gradients = torch.autograd.grad(supervised, self.theta, retain_graph=True, allow_unused=True)
        for part, piece in zip(self.parts, gradients, strict=True):
            if piece is not None:
                part += piece

    def read(self, reduce: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> Pull:
        """Norms and cosine after the backward pass, before clipping; ``reduce`` sums over processes."""
        total = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in self.theta]).float()
        first = reduce(torch.cat([part.flatten() for part in self.parts]).float())
        rest = total - first
        norms = float(first.norm()), float(rest.norm())
        if norms[1] <= 1e-6 * norms[0]:  # rounding of the subtraction, not a gradient
            return Pull(norms[0], 0.0, None)
        return Pull(*norms, float(first @ rest) / (norms[0] * norms[1]) if norms[0] else None)


def apply(optimizer: torch.optim.Optimizer, moment: Moment, grad_clip: float) -> dict[str, float]:
    """Clip, move every role that has a gradient, and clear; returns each role's norm before clipping.

    Each role's combined gradient is clipped by its own norm: eta's, say, must not shorten theta's step. A norm that is
    not finite moves nothing. Parameters without a gradient (a resting head) are not touched: neither moments nor
    weight decay move them.
    """
    moving = {role: [] for role in ROLES}
    for group in optimizer.param_groups:
        moving[group["role"]] += [parameter for parameter in group["params"] if parameter.grad is not None]
    totals = {role: torch.nn.utils.get_total_norm([p.grad for p in moved]) for role, moved in moving.items() if moved}
    norms = dict(zip(totals, torch.stack(list(totals.values())).tolist(), strict=True)) if totals else {}
    forget(optimizer, moment.reset)  # due at this step alone, whether it moves or not
    if all(map(math.isfinite, norms.values())):
        for role, total in totals.items():
            torch.nn.utils.clip_grads_with_norm_(moving[role], grad_clip, total)
        set_rates(optimizer.param_groups, moment.rates)
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norms


def forget(optimizer: torch.optim.Optimizer, roles: Sequence[str]) -> None:
    """Drop the moments of these roles, as if they had never moved."""
    for group in optimizer.param_groups:
        if group["role"] in roles:
            for parameter in group["params"]:
                optimizer.state.pop(parameter, None)
