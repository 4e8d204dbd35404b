"""The plan is Algorithm 1: which role moves when, at which rate, under which gamma."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_bljust.bilevel.options import build_plan
from espnet_bljust.bilevel.plan import PHASES, ROLES_OF_PHASE, Plan
from espnet_bljust.bilevel.rates import TriStage
from espnet_bljust.bilevel.roles import ROLES
from espnet_bljust.bilevel.segments import Gamma, paper_segments
from espnet_bljust.errors import InputError

RATES = {"exploration": {"theta": 1e-3, "phi": 0.0, "eta": 2e-3}, "joint": {"theta": 3e-4, "phi": 4e-4, "eta": 5e-4},
         "final": {"theta": 6e-5, "phi": 7e-5, "eta": 0.0}}
OPTIONS = {"exploration_steps": 3, "joint_steps": 4, "final_steps": 5,
           **{f"{phase}_rates": {role: RATES[phase][role] for role in ROLES_OF_PHASE[phase]} for phase in PHASES}}


def test_gamma_of_the_paper_is_zero_in_the_first_cycle_and_constant_in_each():
    cycles, gamma_max = 5, 2.0
    plan = Plan(paper_segments(cycles, 3, 4, 6, Gamma(gamma_max)), RATES)
    joint = [plan.at(step) for step in range(1, plan.num_steps + 1) if plan.at(step).phase == "joint"]
    for moment in joint:
        assert moment.gamma == pytest.approx((moment.cycle - 1) * gamma_max / cycles)
    assert joint[0].gamma == 0
    assert joint[-1].gamma == pytest.approx((cycles - 1) / cycles * gamma_max)


def test_steps_are_counted_as_the_options_say():
    plan = build_plan({**OPTIONS, "schedule": "paper", "cycles": 7})
    counts = {phase: sum(plan.at(s).phase == phase for s in range(1, plan.num_steps + 1)) for phase in PHASES}
    assert counts == {"exploration": 21, "joint": 28, "final": 5}


def test_linear_gamma_climbs_to_its_maximum_at_the_last_joint_step():
    plan = build_plan({**OPTIONS, "schedule": "once", "gamma": "linear", "gamma_max": 8.0})
    gammas = [plan.at(s).gamma for s in range(1, plan.num_steps + 1) if plan.at(s).phase == "joint"]
    assert gammas == pytest.approx([2.0, 4.0, 6.0, 8.0])


def test_roles_rest_outside_their_phases():
    plan = build_plan({**OPTIONS, "schedule": "paper", "cycles": 2})
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


def test_cycles_share_one_warm_up():
    plan = build_plan({**OPTIONS, "schedule": "paper", "cycles": 10, "warmup": 0.5, "hold": 0.5})
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


def test_methods_take_equal_numbers_of_steps_of_each_kind():
    used = {method: build_plan({**OPTIONS, "method": method, "schedule": "once", "gamma": "constant"}).consumed(10**6)
            for method in ("bljust", "ptft", "supervised")}
    assert used["bljust"] == used["ptft"]
    assert used["supervised"] == (used["bljust"][0], 0)


@pytest.mark.parametrize("wrong, named", [
    ({"gama": 1}, "gama"), ({"schedule": "twice"}, "twice"), ({"joint_rates": {"theta": 1e-3, "phi": 1e-3}}, "eta"),
])
def test_a_wrong_key_or_value_is_named(wrong, named):
    with pytest.raises(InputError, match=named):
        build_plan({**OPTIONS, **wrong})
