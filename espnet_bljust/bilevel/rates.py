"""Learning rates over one phase: warm-up, hold, decay (tri-stage); a constant rate is a hold alone."""

from dataclasses import dataclass

from espnet_bljust.errors import InputError


@dataclass(frozen=True)
class TriStage:
    """Shape of a learning rate over the steps of a phase, as a factor of its peak.

    ``warmup`` and ``hold`` are fractions of the phase; the rest decays to ``final_scale``, in a straight line or
    ``exponential``ly, as in fairseq's tri_stage.
    """

    warmup: float = 0.1
    hold: float = 0.4
    final_scale: float = 0.05
    decay: str = "linear"

    def __post_init__(self) -> None:
        if min(self.warmup, self.hold) < 0 or self.warmup + self.hold > 1:
            raise InputError(f"plan_conf: warmup {self.warmup} and hold {self.hold} are fractions of a phase. "
                             "Lower them until their sum is at most 1.")
        if not 0 <= self.final_scale <= 1:
            raise InputError(f"plan_conf: final_scale {self.final_scale} is not between 0 and 1. It scales the peak.")
        if self.decay == "exponential" and self.final_scale == 0:
            raise InputError("plan_conf: final_scale 0 is never reached by an exponential decay. Give a small number.")

    def factor(self, step: int, num_steps: int) -> float:
        """Factor at ``step`` (1-based) of ``num_steps``; 1 is reached at step round(warmup * num_steps)."""
        warmup = round(self.warmup * num_steps)
        hold_end = max(warmup, round((self.warmup + self.hold) * num_steps))
        if step <= warmup:
            return step / warmup
        if step <= hold_end:
            return 1.0
        share = (step - hold_end) / (num_steps - hold_end)
        return self.final_scale**share if self.decay == "exponential" else 1.0 - (1.0 - self.final_scale) * share
