"""A start that takes off: while CTC costs what the tokens' frequencies alone give, the run begins again, more gently.

    plateau:  CTC in nats a token >= 0.9 H,   H = -Σ_v q_v ln q_v,   q the frequencies of the labelled text's tokens
A head that knows how often each token comes and nothing of the audio costs H at least; one that had learned little more
in 1,400 steps cost 0.92 H (Mboshi), while runs that take off pass 0.9 H within some hundred. Which it will be is
decided by the rate and by what is hidden from the network (espnet#3760). A run that has not left the plateau so many
steps after the warm-up goes back to where it first met a label, with half the rates and with augmentation as many steps
later; three times at most.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

MOST = 3  # times that a run begins again
NEAR = 0.9  # of H
TAKE_OFF = "take_off.pth"  # the state to go back to
MOST_TEXTS = 20_000  # of the labelled text that are counted: enough for frequencies


class StillOnPlateau(Exception):  # noqa: N818  (the run goes on)
    """Raised in every process when the run is to begin again."""


def token_nats(texts: Iterable[Sequence[int]]) -> float:
    """H of the tokens, in nats; 0 without any."""
    counts = Counter(token for text in texts for token in text)
    total = counts.total()
    return sum(-count / total * math.log(count / total) for count in counts.values())


class TakeOff:
    """How often a run began again, and whether it has left the plateau; the same in all processes."""

    def __init__(self, nats: float, delay_steps: int) -> None:
        self.nats, self.delay_steps = nats, delay_steps
        self.times, self.left = 0, False

    @property
    def open(self) -> bool:
        """Whether the run may still begin again."""
        return not self.left and self.times < MOST

    def judge(self, row: dict, *, settled: bool, on_plateau: bool) -> bool:
        """At a row of history.jsonl, whether to begin again; ``on_plateau``: health.py said so at this row."""
        cost = row["ctc_token"]
        if settled and cost is not None and cost < NEAR * self.nats:
            self.left = True
        return on_plateau and self.open

    def state_dict(self) -> dict:
        """Plain data, for the checkpoint."""
        return {"times": self.times, "left": self.left}

    def load_state_dict(self, state: dict) -> None:
        self.times, self.left = state["times"], state["left"]
