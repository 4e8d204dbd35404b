"""The plan is Algorithm 1: which role moves when, at which rate, under which gamma."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_bljust.bilevel.plan import PHASES, ROLES_OF_PHASE, Plan
from espnet_bljust.bilevel.plan_options import PlanOptions, batch_scales, build_plan
from espnet_bljust.bilevel.plan_segments import Gamma, paper_segments
from espnet_bljust.bilevel.rates import TriStage
from espnet_bljust.bilevel.roles import ROLES
from espnet_bljust.errors import InputError

RATES = {"exploration": {"theta": 1e-3, "phi": 0.0, "eta": 2e-3}, "joint": {"theta": 3e-4, "phi": 4e-4, "eta": 5e-4},
         "final": {"theta": 6e-5, "phi": 7e-5, "eta": 0.0}}
OPTIONS = {"exploration_steps": 3, "joint_steps": 4, "final_steps": 5,
           **{f"{phase}_rates": {role: RATES[phase][role] for role in ROLES_OF_PHASE[phase]} for phase in PHASES}}


def plan_of(options):
    """As from YAML."""
    return build_plan(PlanOptions.from_dict(options))


def scales_of(options):
    """The same of its batches."""
    return batch_scales(PlanOptions.from_dict(options))


def test_gamma_of_the_paper_is_zero_in_the_first_cycle_and_constant_in_each():
    cycles, gamma_max = 5, 2.0
    plan = Plan(paper_segments(cycles, 3, 4, 6, Gamma(gamma_max)), RATES)
    joint = [plan.at(step) for step in range(1, plan.num_steps + 1) if plan.at(step).phase == "joint"]
    for moment in joint:
        assert moment.gamma == pytest.approx((moment.cycle - 1) * gamma_max / cycles)
    assert joint[0].gamma == 0
    assert joint[-1].gamma == pytest.approx((cycles - 1) / cycles * gamma_max)


def test_steps_are_counted_as_the_options_say():
    plan = plan_of({**OPTIONS, "schedule": "paper", "cycles": 7})
    counts = {phase: sum(plan.at(s).phase == phase for s in range(1, plan.num_steps + 1)) for phase in PHASES}
    assert counts == {"exploration": 21, "joint": 28, "final": 5}


def test_linear_gamma_climbs_to_its_maximum_at_the_last_joint_step():
    plan = plan_of({**OPTIONS, "schedule": "once", "gamma": "linear", "gamma_max": 8.0})
    gammas = [plan.at(s).gamma for s in range(1, plan.num_steps + 1) if plan.at(s).phase == "joint"]
    assert gammas == pytest.approx([2.0, 4.0, 6.0, 8.0])


def test_roles_rest_outside_their_phases():
    plan = plan_of({**OPTIONS, "schedule": "paper", "cycles": 2})
    for step in range(1, plan.num_steps + 1):
        moment = plan.at(step)
        assert {role for role in ROLES if moment.rates[role] > 0} == set(ROLES_OF_PHASE[moment.phase])


def test_the_peak_rate_is_reached_at_the_declared_step_and_never_exceeded():
    shape = TriStage(warmup=0.2, hold=0.3, final_scale=0.1)
    factors = [shape.factor(step, 100) for step in range(1, 101)]
    assert factors[19] == 1.0 and factors[18] < 1.0
    assert max(factors) == 1.0
    assert factors[49] == 1.0 and factors[50] < 1.0
    assert factors[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(("warmup", "hold"), [(0.1, 0.9), (0.5, 0.5), (0.0, 1.0), (1.0, 0.0), (0.7, 0.3)])
def test_a_rate_that_is_held_to_the_end_never_falls(warmup, hold):
    for num_steps in range(1, 60):
        factors = [TriStage(warmup, hold, 0.05).factor(step, num_steps) for step in range(1, num_steps + 1)]
        assert factors == sorted(factors) and factors[-1] == 1.0


def test_cycles_share_one_warm_up():
    plan = plan_of({**OPTIONS, "schedule": "paper", "cycles": 10, "warmup": 0.5, "hold": 0.5})
    rates = [plan.at(s).rates["theta"] for s in range(1, plan.num_steps + 1) if plan.at(s).phase == "exploration"]
    assert rates == sorted(rates)
    assert rates[14] == pytest.approx(RATES["exploration"]["theta"]) and rates[13] < rates[14]


def test_a_silent_penalty_needs_no_pool_unless_eta_has_its_own_step():
    segments = paper_segments(2, 1, 1, 0, Gamma(1.0))
    assert not Plan(segments, RATES).at(2).pool
    assert Plan(segments, RATES, eta_step="own").at(2).pool


def test_own_steps_move_gamma_from_the_loss_to_the_edge():
    segments = paper_segments(2, 0, 1, 0, Gamma(1.0))
    penalised, own = Plan(segments, RATES).at(2), Plan(segments, RATES, eta_step="own").at(2)
    assert (penalised.weight, penalised.edge) == (0.5, 1.0)
    assert (own.weight, own.edge) == (1.0, 0.5)


@given(cycles=st.integers(1, 4), n1=st.integers(0, 5), n2=st.integers(0, 5), n3=st.integers(1, 5),
       interval=st.integers(1, 7))
def test_evaluations_cover_every_step_once_and_stop_at_the_ends_of_stages(cycles, n1, n2, n3, interval):
    plan = Plan(paper_segments(cycles, n1, n2, n3, Gamma(1.0)), RATES)
    points = plan.evaluations(interval)
    assert points == sorted(set(points)) and points[-1] == plan.num_steps
    assert all(second - first <= interval for first, second in zip([0, *points], points, strict=False))
    assert {plan.end_of(phase) for phase in PHASES} - {0} <= set(points)


@given(cycles=st.integers(1, 4), n1=st.integers(0, 5), n2=st.integers(0, 5), n3=st.integers(1, 5))
def test_consumed_counts_what_the_steps_use(cycles, n1, n2, n3):
    plan = Plan(paper_segments(cycles, n1, n2, n3, Gamma(1.0)), RATES)
    labelled = pool = 0
    for step in range(1, plan.num_steps + 1):
        labelled, pool = labelled + plan.at(step).labelled, pool + plan.at(step).pool
        assert plan.consumed(step) == (labelled, pool)


@pytest.mark.parametrize("wrong, named", [
    ({"gama": 1}, "gama"), ({"schedule": "twice"}, "twice"), ({"joint_rates": {"theta": 1e-3, "phi": 1e-3}}, "eta"),
])
def test_a_wrong_key_or_value_is_named(wrong, named):
    with pytest.raises(InputError, match=named):
        plan_of({**OPTIONS, **wrong})


def gammas(**options):
    """Gamma at every joint step."""
    plan = plan_of({**OPTIONS, **options})
    return [moment.gamma for step in range(1, plan.num_steps + 1) if (moment := plan.at(step)).phase == "joint"]


def test_gamma_climbs_as_a_power_of_the_steps_or_of_the_cycles_done():
    once = {"schedule": "once", "gamma_max": 8.0}
    assert gammas(**once, gamma="power", gamma_power=3) == pytest.approx([8 * (step / 4) ** 3 for step in (1, 2, 3, 4)])
    assert gammas(**once, gamma="linear", gamma_per="cycle", cycles=2) == [0.0] * 4 + [4.0] * 4
    assert gammas(**once, gamma="constant", gamma_per="cycle", cycles=2) == [8.0] * 8
    paper = {"schedule": "paper", "gamma_max": 8.0, "cycles": 2}
    assert gammas(**paper, gamma="power") == [0.0] * 4 + [2.0] * 4  # 8 (1/2)^2
    assert gammas(**paper, gamma_per="step") == pytest.approx([float(step) for step in range(1, 9)])
    assert gammas(**paper, gamma="power", gamma_per="step") == pytest.approx([step**2 / 8 for step in range(1, 9)])
    assert gammas(**paper, gamma="constant") == [8.0] * 8


def test_a_ratio_scales_gamma_wherever_it_acts():
    plan = plan_of({**OPTIONS, "schedule": "once", "gamma": "constant", "gamma_max": 2.0, "gamma_unit": "balanced"})
    moment = plan.at(4, ratio=10.0)
    assert (moment.phase, moment.gamma, moment.weight, moment.edge) == ("joint", 20.0, 20.0, 1.0)
    assert plan.at(1, ratio=10.0).weight == 1.0  # exploration: g is the whole objective


def test_alpha_over_gamma_lowers_thetas_rate_alone_and_never_raises_it():
    for gamma, factor in ((0.5, 1.0), (4.0, 0.25)):
        options = {**OPTIONS, "schedule": "once", "gamma": "constant", "gamma_max": gamma, "warmup": 0, "hold": 1}
        rates = plan_of({**options, "alpha_over_gamma": True}).at(4).rates
        assert rates == {**RATES["joint"], "theta": RATES["joint"]["theta"] * factor}


def test_moments_are_reset_at_changes_of_phase_alone():
    plan = plan_of({**OPTIONS, "schedule": "paper", "cycles": 2, "reset_moments": ["theta"]})
    reset = [step for step in range(1, plan.num_steps + 1) if plan.at(step).reset]
    assert reset == [4, 8, 11, 15] and plan.at(4).reset == ("theta",)
    assert not any(plan_of({**OPTIONS, "cycles": 2}).at(step).reset for step in range(1, 20))


BASES = ({"schedule": "once", "gamma": "constant"}, {"schedule": "paper", "cycles": 3})


@pytest.mark.parametrize("base", BASES)
def test_every_method_uses_as_many_steps_of_either_kind_of_audio_as_bljust(base):
    plans = {method: plan_of({**OPTIONS, **base, "method": method})
             for method in ("bljust", "ptft", "supervised", "alternating", "weighted_sum")}
    used = {method: plan.consumed(plan.num_steps) for method, plan in plans.items()}
    labelled, pool = used["bljust"]
    assert used["ptft"] == used["alternating"] == (labelled, pool)
    assert used["supervised"] == (labelled, 0)
    steps = plans["bljust"].num_steps
    assert used["weighted_sum"] == (steps, steps)  # each of them with less audio:
    assert scales_of({**OPTIONS, **base, "method": "weighted_sum"}) == (labelled / steps, pool / steps)
    assert scales_of({**OPTIONS, **base, "method": "ptft"}) == (1, 1)


def test_weighted_sum_is_one_loss_with_one_weight_from_the_first_step_to_the_last():
    plan = plan_of({**OPTIONS, "schedule": "once", "gamma_max": 3.0, "method": "weighted_sum"})
    moments = [plan.at(step) for step in range(1, plan.num_steps + 1)]
    assert {(m.phase, m.weight, m.labelled, m.pool) for m in moments} == {("joint", 3.0, True, True)}


@given(n1=st.integers(0, 9), n2=st.integers(1, 9), n3=st.integers(0, 9))
def test_alternating_takes_one_loss_a_step_and_mixes_both_evenly(n1, n2, n3):
    steps = {"exploration_steps": n1, "joint_steps": n2, "final_steps": n3}
    plan = plan_of({**OPTIONS, **steps, "schedule": "once", "gamma": "constant", "method": "alternating"})
    labelled = 0
    for step in range(1, plan.num_steps + 1):
        moment = plan.at(step)
        assert moment.labelled != moment.pool and moment.phase == "joint" and moment.weight == 1.0
        labelled += moment.labelled
        assert abs(labelled - step * (n2 + n3) / plan.num_steps) < 1  # never a step ahead or behind its share
        assert plan.consumed(step) == (labelled, step - labelled)


def test_every_rate_is_used_in_its_phase_only():
    plan = plan_of({**OPTIONS, "schedule": "paper", "cycles": 3, "warmup": 0, "hold": 1})
    for step in range(1, plan.num_steps + 1):
        moment = plan.at(step)
        assert moment.rates == RATES[moment.phase]


@pytest.mark.parametrize(("wrong", "named"), [
    ({"reset_moments": ["psi"]}, "reset_moments"), ({"reset_moments": "theta"}, "not a list"),
    ({"gamma_unit": "even"}, "raw, balanced"), ({"gamma_per": "epoch"}, "gamma_per"), ({"gamma": "cubic"}, "power"),
    ({"alpha_over_gamma": "yes"}, "alpha_over_gamma"), ({"method": "mtl"}, "weighted_sum, alternating"),
    ({"method": "supervised", "joint_steps": 0, "final_steps": 0}, "baseline supervised has no step"),
])  # fmt: skip
def test_a_wrong_choice_is_named_with_what_is_known(wrong, named):
    with pytest.raises(InputError, match=named):
        plan_of({**OPTIONS, **wrong})


@pytest.mark.parametrize(("none", "named"), [({"joint_steps": 0}, "labelled"),
                                             ({"gamma_max": 0, "exploration_steps": 0}, "pool")])
def test_a_weighted_sum_is_refused_where_bljust_reads_one_kind_of_audio_alone(none, named):
    options = {**OPTIONS, "final_steps": 0, "method": "weighted_sum", **none}
    with pytest.raises(InputError, match=f"reads as much {named} audio"):
        scales_of(options)


def test_theta_rests_in_the_first_steps_of_the_final_phase_alone():
    plan = plan_of({**OPTIONS, "final_frozen_steps": 2})
    joint = plan.end_of("joint")
    resting = [step for step in range(1, plan.num_steps + 1) if plan.at(step).trunk_rests]
    assert resting == [joint + 1, joint + 2]
    assert all(plan.at(step).rates["theta"] == 0 < plan.at(step).rates["phi"] for step in resting)
    unfrozen = plan_of(OPTIONS)
    assert plan.at(joint + 3) == unfrozen.at(joint + 3) and plan.at(joint) == unfrozen.at(joint)


def test_further_evaluations_come_between_the_others_in_order():
    plan = plan_of(OPTIONS)
    points = plan.evaluations(3)
    extra = next(step for step in range(1, plan.num_steps) if step not in points)
    assert plan.evaluations(3, [extra, points[0]]) == sorted([*points, extra])


def test_the_exponential_decay_is_fairseqs_tri_stage():
    """peak exp(-t ln(1 / final_scale) / decay_steps), t steps after the hold: by a loop of equal factors."""
    shape, rate = TriStage(0.1, 0.4, 0.05, "exponential"), 1.0
    for step in range(1, 201):
        factor = shape.factor(step, 200)
        if step > 100:
            rate *= 0.05 ** (1 / 100)
            assert factor == pytest.approx(rate, rel=1e-9)
        else:
            assert factor == min(1.0, step / 20)
    assert rate == pytest.approx(0.05)


def test_an_exponential_decay_to_nothing_is_refused():
    with pytest.raises(InputError, match="final_scale 0 is never reached"):
        TriStage(final_scale=0.0, decay="exponential")


def test_augmentation_begins_at_its_step_and_grows_over_its_ramp_of_labelled_steps():
    """Two cycles of 2 exploration and 3 joint steps, then 4 final ones: 10 steps on labelled audio."""
    options = {**OPTIONS, "schedule": "paper", "cycles": 2, "exploration_steps": 2, "joint_steps": 3, "final_steps": 4}
    plan = plan_of({**options, "augment_start": 2, "augment_ramp": 4})
    moments = [plan.at(step) for step in range(1, plan.num_steps + 1)]
    assert [moment.augment for moment in moments if moment.labelled] == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    assert {plan_of(options).at(step).augment for step in (3, 14)} == {1.0}
    abrupt = plan_of({**options, "augment_start": 2})
    assert [abrupt.at(step).augment for step in (3, 4, 5)] == [0, 0, 1]


def test_the_extractor_rests_in_its_phases_alone():
    plan = plan_of({**OPTIONS, "extractor_rests": ["final"]})
    for step in range(1, plan.num_steps + 1):
        assert plan.at(step).extractor_rests == (plan.at(step).phase == "final")


def test_a_plan_begun_again_has_half_the_rates_and_augments_later_each_time():
    plan = plan_of({**OPTIONS, "augment_start": 1, "augment_ramp": 2})
    again = plan.begun_again(1, 5).begun_again(2, 5)
    assert again == plan.begun_again(3, 5)
    for step in range(1, plan.num_steps + 1):
        rates = plan.at(step).rates
        assert again.at(step).rates == {role: pytest.approx(rate / 8, rel=1e-12) for role, rate in rates.items()}
    assert (again.augment_start, again.augment_ramp) == (16, 2)
    assert plan.first_labelled == 4  # behind the exploration steps
    assert plan_of({**OPTIONS, "method": "supervised"}).first_labelled == 1
