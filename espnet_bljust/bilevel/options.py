"""From the `plan_conf` of a training configuration to a Plan; names the key that is wrong."""

import math
from collections.abc import Mapping

from espnet_bljust.bilevel.plan import PHASES, ROLES_OF_PHASE, Plan
from espnet_bljust.bilevel.rates import TriStage
from espnet_bljust.bilevel.roles import ROLES
from espnet_bljust.bilevel.segments import BASELINES, Gamma, Segment, baseline_segments, once_segments, paper_segments
from espnet_bljust.errors import InputError

METHODS = ("bljust", *BASELINES)
POWERS = {"linear": 1.0, "constant": 0.0, "power": 2.0}  # of gamma's climb; that of `power` is gamma_power
KEYS = {
    "method", "schedule", "cycles", "exploration_steps", "joint_steps", "final_steps", "gamma", "gamma_max",
    "gamma_power", "gamma_per", "gamma_unit", "alpha_over_gamma", "eta_step", "reset_moments",
    "exploration_rates", "joint_rates", "final_rates", "warmup", "hold", "final_scale", "final_frozen_steps",
    "decay", "extractor_rests", "augment_start", "augment_ramp",
}


def build_plan(options: Mapping) -> Plan:
    """The plan of a run; docs/method.md lists the keys, their units and their defaults."""
    unknown = sorted(set(options) - KEYS)
    if unknown:
        raise InputError(f"plan_conf: unknown key {unknown[0]}. Known keys: {', '.join(sorted(KEYS))}.")
    required = {f"{phase}_{what}" for phase in PHASES for what in ("steps", "rates")}
    missing = sorted(required - set(options))
    if missing:
        raise InputError(f"plan_conf: {missing[0]} is missing. Add it; conf/train_bljust.yaml shows all keys.")
    plan = _plan(options, _bljust(options))
    final = _count(options, "final_steps")
    if plan.final_frozen_steps > final:
        raise InputError(f"plan_conf: final_frozen_steps {plan.final_frozen_steps} is beyond the {final} final_steps. "
                         "Lower it: the trunk would never move there.")
    if plan.num_steps == 0:
        raise InputError("plan_conf: every phase has 0 steps. Give exploration_steps, joint_steps or final_steps.")
    method = _choice(options, "method", METHODS)
    if method in BASELINES:
        used = plan.consumed(plan.num_steps)
        plan = _plan(options, baseline_segments(method, plan.num_steps, *used, _number(options, "gamma_max", 1.0)))
        if plan.num_steps == 0:
            raise InputError("plan_conf: the baseline supervised has no step. Give joint_steps or final_steps.")
    return plan


def batch_scales(options: Mapping) -> tuple[float, float]:
    """Factors of a step's labelled and of its pool audio; not 1 where a method's steps use both kinds throughout.

    weighted_sum takes as many steps as BL-JUST and passes as often over either kind of audio: its batches are smaller.
    """
    if _choice(options, "method", METHODS) != "weighted_sum":
        return 1.0, 1.0
    plan = _plan(options, _bljust(options))
    labelled, pool = plan.consumed(plan.num_steps)
    for name, used in (("labelled", labelled), ("pool", pool)):
        if used == 0:
            raise InputError(f"plan_conf: weighted_sum reads as much {name} audio as BL-JUST's plan: here, none. "
                             "Give joint_steps, and a gamma_max above 0.")
    return labelled / plan.num_steps, pool / plan.num_steps


def _plan(options: Mapping, segments: list[Segment]) -> Plan:
    rates = {phase: _rates(options, phase) for phase in PHASES}
    shape = {key: _number(options, key) for key in ("warmup", "hold", "final_scale") if key in options}
    shape = TriStage(**shape, decay=_choice(options, "decay", ("linear", "exponential")))
    return Plan(
        segments, rates, shape, _choice(options, "eta_step", ("penalised", "own")),
        _choice(options, "gamma_unit", ("raw", "balanced")), _choice(options, "alpha_over_gamma", (False, True)),
        _names(options, "reset_moments", "roles", ROLES), _count(options, "final_frozen_steps"),
        _names(options, "extractor_rests", "phases", PHASES),
        _count(options, "augment_start"), _count(options, "augment_ramp"),
    )


def _bljust(options: Mapping) -> list[Segment]:
    """BL-JUST's own segments; every baseline is measured by them."""
    cycles = _count(options, "cycles", 1)
    steps = [_count(options, f"{phase}_steps") for phase in PHASES]
    paper = _choice(options, "schedule", ("paper", "once")) == "paper"
    form = _choice(options, "gamma", tuple(POWERS))
    power = _number(options, "gamma_power", POWERS["power"]) if form == "power" else POWERS[form]
    per = _choice(options, "gamma_per", ("cycle", "step") if paper else ("step", "cycle"))
    gamma = Gamma(_number(options, "gamma_max", 1.0), power, per)
    return (paper_segments if paper else once_segments)(cycles, *steps, gamma)


def _rates(options: Mapping, phase: str) -> dict[str, float]:
    """Peak learning rate of every role; 0 for one that rests in the phase."""
    name = f"{phase}_rates"
    given = options[name] if isinstance(options[name], Mapping) else {}
    for role in given:
        if role not in ROLES:
            raise InputError(f"plan_conf: {name} has a rate for {role!r}. Known roles: {', '.join(ROLES)}.")
    for role in ROLES_OF_PHASE[phase]:
        if role not in given:
            raise InputError(f"plan_conf: {name} has no rate for {role}. Add {role}: 1e-4, say.")
    return {role: _number(given, role, 0.0, where=f"{name}.") for role in ROLES}


def _names(options: Mapping, key: str, kind: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """A list of roles, or phases; empty by default."""
    value = options.get(key, [])
    if not isinstance(value, list) or not all(name in known for name in value):
        raise InputError(f"plan_conf: {key} is {value!r}, not a list of {kind}. Known {kind}: {', '.join(known)}.")
    return tuple(value)


def _number(options: Mapping, key: str, default: float = 0.0, where: str = "") -> float:
    """A number from 0, finite."""
    value = options.get(key, default)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"plan_conf: {where}{key} is {value!r}, not a number from 0. Mend the value.")
    return number


def _count(options: Mapping, key: str, default: int = 0) -> int:
    """A whole number from 0."""
    number = _number(options, key, default)
    if number % 1:
        raise InputError(f"plan_conf: {key} is {options[key]!r}, not a whole number. Mend the value.")
    return int(number)


def _choice[Value](options: Mapping, key: str, known: tuple[Value, ...]) -> Value:
    """The value of an enumerated key; the first of ``known`` is the default."""
    value = options.get(key, known[0])
    if value not in known:
        raise InputError(f"plan_conf: {key} is {value!r}. Known values: {', '.join(map(str, known))}.")
    return value
