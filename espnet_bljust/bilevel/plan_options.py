"""From the `plan_conf` of a training configuration to a Plan; names the key that is wrong."""

from dataclasses import MISSING, dataclass
from typing import ClassVar

from espnet_bljust.bilevel.plan import PHASES, ROLES_OF_PHASE, Plan
from espnet_bljust.bilevel.plan_segments import (
    BASELINES,
    Gamma,
    Segment,
    baseline_segments,
    once_segments,
    paper_segments,
)
from espnet_bljust.bilevel.rates import TriStage
from espnet_bljust.bilevel.roles import ROLES
from espnet_bljust.errors import InputError
from espnet_bljust.keys import Count, Group, key, require

METHODS = ("bljust", *BASELINES)
POWERS = {"linear": 1.0, "constant": 0.0, "power": None}  # of gamma's climb; None: gamma_power


def _rates(phase: str) -> dict[str, float]:
    """The field of a phase's peak learning rates."""
    return key(MISSING, f"peak learning rates: {' and '.join(ROLES_OF_PHASE[phase])} move", least=0, choices=ROLES,
               example=dict.fromkeys(ROLES_OF_PHASE[phase], 1e-4))


@dataclass(frozen=True, kw_only=True)
class PlanOptions(Group):
    """Phases, steps, gamma and learning rates (docs/method.md)."""

    conf: ClassVar[str] = "plan_conf"

    method: str = key("bljust", "bljust, or a baseline of as many passes (--method sets it)", choices=METHODS)
    schedule: str = key("paper", "paper: Algorithm 1; once: all cycles in a row", choices=("paper", "once"))
    cycles: Count = key(1, "of exploration and joint steps", least=0)
    exploration_steps: Count = key(MISSING, "in each cycle", unit="optimizer steps", least=0, example=1000)
    joint_steps: Count = key(MISSING, "in each cycle", unit="optimizer steps", least=0, example=1000)
    final_steps: Count = key(MISSING, "behind all cycles", unit="optimizer steps", least=0, example=1000)
    gamma: str = key("linear", "how gamma climbs to gamma_max", choices=tuple(POWERS))
    gamma_max: float = key(1.0, "factor of the self-supervised loss where gamma is greatest", least=0)
    gamma_power: float = key(2.0, "of the climb, where gamma is power", least=0)
    gamma_per: str | None = key(None, "what gamma counts; by default cycle under paper, step under once",
                                choices=("cycle", "step"))
    gamma_unit: str = key("raw", "balanced: times EMA of |grad_h f| / EMA of |grad_h g| at the trunk's output h",
                          choices=("raw", "balanced"))
    alpha_over_gamma: bool = key(False, "theta's joint rate times min(1, 1 / gamma); stage 7 sets it for optim sgd")
    eta_step: str = key("penalised", "penalised: eta moves by gamma grad g; own: by grad g, whatever gamma is",
                        choices=("penalised", "own"))
    reset_moments: tuple[str, ...] = key((), "roles whose moments are dropped at each change of phase", choices=ROLES)
    exploration_rates: dict[str, float] = _rates("exploration")
    joint_rates: dict[str, float] = _rates("joint")
    final_rates: dict[str, float] = _rates("final")
    warmup: float = key(TriStage.warmup, "of a phase, all its cycles together: rates rise", least=0, most=1)
    hold: float = key(TriStage.hold, "of a phase: rates stay at their peak, then fall", least=0, most=1)
    final_scale: float = key(TriStage.final_scale, "of the peak rates, at the end of a phase", least=0, most=1)
    decay: str = key(TriStage.decay, "from the hold to final_scale; exponential: as fairseq's tri_stage",
                     choices=("linear", "exponential"))
    final_frozen_steps: Count = key(
        0, "at the start of the final phase: theta rests and gets no gradient", unit="optimizer steps", least=0)
    extractor_rests: tuple[str, ...] = key(
        (), "phases in which the trunk's first part, audio to features, rests (fairseq: [final])", choices=PHASES)
    augment_start: Count = key(0, "on labelled audio go without augmentation", unit="optimizer steps", least=0)
    augment_ramp: Count = key(0, "over which augmentation then grows to full", unit="optimizer steps", least=0)

    def check(self) -> None:
        for phase in PHASES:
            missing = [role for role in ROLES_OF_PHASE[phase] if role not in getattr(self, f"{phase}_rates")]
            require(not missing, f"{phase}_rates has no rate for {', '.join(missing)}")
        require(self.final_frozen_steps <= self.final_steps,
                f"final_frozen_steps {self.final_frozen_steps} is beyond the {self.final_steps} final_steps: the trunk "
                "would never move there")


def build_plan(given: PlanOptions) -> Plan:
    """The plan of a run; docs/training_keys.md lists the keys, their units and their defaults."""
    plan = _plan(given, _bljust(given))
    if plan.num_steps == 0:
        raise InputError("plan_conf: every phase has 0 steps. Give exploration_steps, joint_steps or final_steps.")
    if given.method in BASELINES:
        used = plan.consumed(plan.num_steps)
        plan = _plan(given, baseline_segments(given.method, plan.num_steps, *used, given.gamma_max))
        if plan.num_steps == 0:
            raise InputError("plan_conf: the baseline supervised has no step. Give joint_steps or final_steps.")
    return plan


def batch_scales(given: PlanOptions) -> tuple[float, float]:
    """Factors of a step's labelled and of its pool audio; not 1 where a method's steps use both kinds throughout.

    weighted_sum takes as many steps as BL-JUST and passes as often over either kind of audio: its batches are smaller.
    """
    if given.method != "weighted_sum":
        return 1.0, 1.0
    plan = _plan(given, _bljust(given))
    labelled, pool = plan.consumed(plan.num_steps)
    for name, used in (("labelled", labelled), ("pool", pool)):
        if used == 0:
            raise InputError(f"plan_conf: weighted_sum reads as much {name} audio as BL-JUST's plan: here, none. "
                             "Give joint_steps, and a gamma_max above 0.")
    return labelled / plan.num_steps, pool / plan.num_steps


def _plan(given: PlanOptions, segments: list[Segment]) -> Plan:
    rates = {phase: dict.fromkeys(ROLES, 0.0) | getattr(given, f"{phase}_rates") for phase in PHASES}
    return Plan(segments, rates, TriStage(given.warmup, given.hold, given.final_scale, given.decay),
                given.eta_step, given.gamma_unit, given.alpha_over_gamma, given.reset_moments,
                given.final_frozen_steps, given.extractor_rests,
                augment_start=given.augment_start, augment_ramp=given.augment_ramp)


def _bljust(given: PlanOptions) -> list[Segment]:
    """BL-JUST's own segments; every baseline is measured by them."""
    steps = [getattr(given, f"{phase}_steps") for phase in PHASES]
    paper = given.schedule == "paper"
    power = POWERS[given.gamma]
    gamma = Gamma(given.gamma_max, given.gamma_power if power is None else power,
                  given.gamma_per or ("cycle" if paper else "step"))
    return (paper_segments if paper else once_segments)(given.cycles, *steps, gamma)
