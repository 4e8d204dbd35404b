"""The plan of a run: segments counted in optimizer steps, made once from the options, and what each step does.

All of it follows from the number of the step alone (and, under balanced gamma, from one running ratio), so that a run
goes on from any step, on one process or many.
Source: Saif et al., arXiv:2412.08548, Algorithm 1.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from espnet_bljust.bilevel.plan_segments import PHASES, Segment
from espnet_bljust.bilevel.rates import TriStage
from espnet_bljust.bilevel.roles import ROLES

LOSSES_OF_PHASE = {"exploration": (False, True), "joint": (True, True), "final": (True, False)}
ROLES_OF_PHASE = {"exploration": ("theta", "eta"), "joint": ROLES, "final": ("theta", "phi")}


class Moment(NamedTuple):
    """What one optimizer step does."""

    step: int  # global, 1-based
    phase: str
    cycle: int
    gamma: float
    weight: float  # factor of g in the objective
    edge: float  # factor of g's gradient where it leaves the self-supervised part for the trunk
    rates: dict[str, float]  # role -> learning rate; 0 for a role that rests
    labelled: bool  # whether the step needs labelled audio
    pool: bool  # whether it needs audio of the self-supervised pool
    settled: bool = True  # the phase's warm-up is over
    reset: tuple[str, ...] = ()  # roles whose moments are forgotten before the step
    trunk_rests: bool = False  # theta has no gradient in it: the final phase begins with the new head alone
    extractor_rests: bool = False  # nor has its first part, from the audio to features
    augment: float = 1.0  # strength of the labelled audio's augmentation, 0 .. 1

    @property
    def weights(self) -> dict[str, float]:
        """Factor of each loss in the objective, by its name (penalty.py)."""
        return {"supervised": 1.0, "self_supervised": self.weight}


@dataclass(frozen=True)
class Plan:
    """Segments in order, and the learning rates of every phase: ``rates[phase][role]`` at the peak.

    ``eta_step`` says how eta moves in the joint phase: ``penalised`` by gamma grad g (the paper), ``own`` by
    grad g whatever gamma is, gamma then acting at the gradient-scale edge (penalty.py).
    ``alpha_over_gamma``: theta's learning rate times min(1, 1 / gamma) in the joint phase.
    ``reset_moments``: roles whose moments are forgotten at every change of phase.
    ``final_frozen_steps``: so many steps of the final phase leave theta where it is (fairseq: freeze_finetune_updates).
    ``extractor_rests``: phases in which theta's part from the audio to features has no gradient (fairseq:
    feature_grad_mult 0 in fine-tuning).
    ``rate_scale``: factor of every rate, of a run that was begun again.
    ``augment_start``: so many steps on labelled audio go without augmentation; over ``augment_ramp`` more it grows to
    its full strength. Counted over the whole run: a later phase goes on as the one before it ended.
    """

    segments: Sequence[Segment]
    rates: Mapping[str, Mapping[str, float]]
    shape: TriStage = TriStage()
    eta_step: str = "penalised"
    gamma_unit: str = "raw"  # or balanced: gamma counts in units of the running ratio (balance.py)
    alpha_over_gamma: bool = False
    reset_moments: tuple[str, ...] = ()
    final_frozen_steps: int = 0
    extractor_rests: tuple[str, ...] = ()
    rate_scale: float = 1.0
    augment_start: int = 0
    augment_ramp: int = 0

    @property
    def num_steps(self) -> int:
        return sum(segment.num_steps for segment in self.segments)

    def at(self, step: int, ratio: float = 1.0) -> Moment:
        """The moment of global step ``step`` (1-based); ``ratio`` is what balance.py measured before it."""
        start = 0
        for index, segment in enumerate(self.segments):
            if start < step <= start + segment.num_steps:
                inside = step - start
                gamma = segment.gamma(inside) * ratio
                before, after = self._used(segment, inside - 1), self._used(segment, inside)
                changes = inside == 1 and index > 0 and self.segments[index - 1].phase != segment.phase
                place, total = self._place(index, inside)
                rates = self._rates(segment.phase, self.shape.factor(place, total), gamma)
                rests = segment.phase == "final" and place <= self.final_frozen_steps
                if rests:
                    rates["theta"] = 0.0
                return Moment(step, segment.phase, segment.cycle, gamma, *self._scales(segment.phase, gamma), rates,
                              after[0] > before[0], after[1] > before[1], place > round(self.shape.warmup * total),
                              self.reset_moments if changes else (), rests, segment.phase in self.extractor_rests,
                              self._augment(self.consumed(step)[0]))
            start += segment.num_steps
        raise IndexError(f"step {step} is outside the plan's {self.num_steps} steps")

    @property
    def first_labelled(self) -> int:
        """The first step on labelled audio; beyond the plan where there is none."""
        steps = range(1, self.num_steps + 1)
        return bisect_left(steps, 1, key=lambda step: self.consumed(step)[0]) + 1

    def begun_again(self, times: int, delay: int) -> "Plan":
        """With half the rates, and augmentation ``delay`` steps later, so many times over."""
        return replace(self, rate_scale=self.rate_scale * 0.5**times, augment_start=self.augment_start + times * delay)

    def consumed(self, step: int) -> tuple[int, int]:
        """Optimizer steps up to ``step`` that used labelled audio, and those that used the pool."""
        labelled = pool = start = 0
        for segment in self.segments:
            used = self._used(segment, min(max(step - start, 0), segment.num_steps))
            labelled, pool = labelled + used[0], pool + used[1]
            start += segment.num_steps
        return labelled, pool

    def end_of(self, stage: str) -> int:
        """Last step of a stage: exploration ends before the first joint or final step, joint before the first final."""
        stop = 0
        for segment in self.segments:
            if PHASES.index(segment.phase) > PHASES.index(stage):
                break
            stop += segment.num_steps
        return stop

    def evaluations(self, interval: int, also: Sequence[int] = ()) -> list[int]:
        """Global steps after which the model is evaluated: every ``interval`` of a stage, at its end, and ``also``."""
        points: list[int] = []
        start = 0
        for stage in PHASES:
            end = max(self.end_of(stage), start)
            points += [*range(start + interval, end, interval)] + ([end] if end > start else [])
            start = end
        return sorted({*points, *also})

    def _used(self, segment: Segment, steps: int) -> tuple[int, int]:
        """How many of a segment's first ``steps`` use labelled audio and how many the pool.

        Penalised joint steps with gamma = 0 throughout are supervised: g is not computed.
        """
        if segment.turns is not None:
            supervised = segment.supervised_turns(steps)
            return supervised, steps - supervised
        labelled, pool = LOSSES_OF_PHASE[segment.phase]
        silent = segment.phase == "joint" and self.eta_step == "penalised"
        silent = silent and max(segment.gamma_first, segment.gamma_last) == 0
        return steps * labelled, steps * (pool and not silent)

    def _scales(self, phase: str, gamma: float) -> tuple[float, float]:
        """(factor of g in the objective, factor at the edge)."""
        if phase != "joint":
            return 1.0, 1.0
        return (1.0, gamma) if self.eta_step == "own" else (gamma, 1.0)

    def _augment(self, labelled: int) -> float:
        """Strength at the ``labelled``-th step on labelled audio."""
        return min(1.0, max(0, labelled - self.augment_start) / max(1, self.augment_ramp))

    def _place(self, index: int, step: int) -> tuple[int, int]:
        """A step counted over all segments of its phase, and how many there are: cycles share one warm-up and decay."""
        phase = self.segments[index].phase
        before = sum(segment.num_steps for segment in self.segments[:index] if segment.phase == phase)
        return before + step, sum(segment.num_steps for segment in self.segments if segment.phase == phase)

    def _rates(self, phase: str, factor: float, gamma: float) -> dict[str, float]:
        factor *= self.rate_scale
        rates = {role: self.rates[phase][role] * factor if role in ROLES_OF_PHASE[phase] else 0.0 for role in ROLES}
        if self.alpha_over_gamma and phase == "joint" and gamma > 1:
            rates["theta"] /= gamma
        return rates

    def as_dict(self) -> dict:
        """Plain data, for plan.json and the printed plan."""
        return {**asdict(self), "num_steps": self.num_steps}
