"""Balanced gamma: gamma = 1 means that both losses pull equally at h, the trunk's output.

    gamma_effective = gamma * EMA(||grad_h f||) / EMA(||grad_h g||)
The norms are those of the whole step, over all micro-batches and processes; f and g leave the trunk by different rows
of h, so one backward pass gives both. The ratio that a step uses was measured before it: a step of its own would need a
second pass. Until either loss has been seen the ratio is 1, which concerns the first joint step alone.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

LOSSES = ("supervised", "self_supervised")


class Balance:
    """Running means of the norms of ``losses``; with ``decay`` 0.98 they remember about 50 steps."""

    def __init__(self, decay: float = 0.98, losses: Sequence[str] = LOSSES) -> None:
        self.decay, self.losses = decay, tuple(losses)
        self.sums = dict.fromkeys(losses, 0.0)
        self.weights = dict.fromkeys(losses, 0.0)  # what the sums are divided by: the mean has no bias towards 0
        self.squares: dict[str, list[Tensor]] = {loss: [] for loss in losses}  # of each micro-batch

    @property
    def ratio(self) -> float:
        """||grad_h f|| / ||grad_h g||, or 1 until both are known."""
        return self.ratio_of(*LOSSES)

    def ratio_of(self, upper: str, lower: str) -> float:
        """||grad_h upper|| / ||grad_h lower||, or 1 until both are known."""
        if 0.0 in (self.weights[upper], self.weights[lower], self.sums[lower]):
            return 1.0
        return self.sums[upper] / self.weights[upper] / (self.sums[lower] / self.weights[lower])

    def watch(self, loss: str, hidden: Tensor) -> None:
        """Remember the gradient of the rows of h that lead to this loss, when it comes.

        The last backward pass counts: one that takes f's gradient apart comes before it.
        """
        if hidden.requires_grad:
            place = len(self.squares[loss])
            self.squares[loss].append(torch.zeros((), dtype=torch.float64, device=hidden.device))
            hidden.register_hook(lambda gradient: self._set(loss, place, gradient))

    def _set(self, loss: str, place: int, gradient: Tensor | None) -> None:
        if gradient is not None:
            self.squares[loss][place] = gradient.detach().double().square().sum()

    def update(
        self, weights: Mapping[str, float], device: torch.device, *, world_size: int = 1,
        reduce: Callable[[Tensor], Tensor] = lambda tensor: tensor,
    ) -> None:
        """After a step's backward passes; ``weights``: the losses' in its objective, ``reduce`` sums over processes."""
        zero = torch.zeros((), dtype=torch.float64, device=device)
        norms = reduce(torch.stack([sum(self.squares[loss], zero) for loss in self.losses]))
        norms = (norms.sqrt() / world_size).tolist()
        self.squares = {loss: [] for loss in self.losses}
        for loss, norm in zip(self.losses, norms, strict=True):
            if 0 < norm < torch.inf and weights[loss] > 0:
                self.sums[loss] = self.decay * self.sums[loss] + (1 - self.decay) * norm / weights[loss]
                self.weights[loss] = self.decay * self.weights[loss] + 1 - self.decay

    def state_dict(self) -> dict[str, dict[str, float]]:
        """Plain numbers, for the checkpoint."""
        return {"sums": dict(self.sums), "weights": dict(self.weights)}

    def load_state_dict(self, state: dict[str, dict[str, float]]) -> None:
        self.sums, self.weights = dict(state["sums"]), dict(state["weights"])
