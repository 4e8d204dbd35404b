"""A running average of the weights, which is validated and kept in their place; training goes on from the weights.

    a_t = d_t a_{t-1} + (1 - d_t) w_t,      d_t = min(decay, (1 + t) / (10 + t))
The second term lets a young average forget where it began: it is over a tenth of the steps so far, until ``decay`` is
reached. Source: Polyak and Juditsky, SIAM J. Control Optim. 30 (1992); the warm-up is TensorFlow's.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class RunningAverage:
    """Alike in all processes, as the weights are."""

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.weights = dict(model.named_parameters())
        self.decay, self.steps = decay, 0
        self.average = {name: weight.detach().clone() for name, weight in self.weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """After an optimizer step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        newest = [weight.detach() for weight in self.weights.values()]
        torch._foreach_lerp_(list(self.average.values()), newest, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within, the model has the average's weights."""
        kept = {name: weight.detach().clone() for name, weight in self.weights.items()}
        try:
            self._put(self.average)
            yield
        finally:
            self._put(kept)

    @torch.no_grad()
    def _put(self, values: dict[str, torch.Tensor]) -> None:
        for name, weight in self.weights.items():
            weight.copy_(values[name])

    def state_dict(self) -> dict:
        """For the checkpoint."""
        return {"steps": self.steps, "average": self.average}

    def load_state_dict(self, state: dict) -> None:
        if state["average"].keys() != self.average.keys():
            raise ValueError("the running average is of other weights")
        self.steps = state["steps"]
        for name, value in self.average.items():
            value.copy_(state["average"][name])
