"""Closed forms of one joint step and of the loop, through the project's own step, plan and optimizer code."""

import math

import pytest
import torch

from espnet_bljust.bilevel.balance import Balance
from espnet_bljust.bilevel.penalty import Counts, LossSums, gradient_scale_edge, penalised
from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.bilevel.plan_segments import Segment
from espnet_bljust.bilevel.rates import TriStage
from espnet_bljust.bilevel.roles import parameter_groups, split_roles
from espnet_bljust.bilevel.step import PullMeter, apply, gradient

A, B, C, D, S, U = 2.0, 0.5, 1.5, 3.0, 1.0, -2.0
ONE = Counts(1.0, 1.0)


class Toy(torch.nn.Module):
    """f = a/2 (theta - s)^2 + b/2 (phi - theta)^2,  g = c/2 (theta - u)^2 + d/2 (eta - theta)^2."""

    def __init__(self):
        super().__init__()
        for name, start in (("theta", 0.3), ("phi", -0.7), ("eta", 0.9)):
            self.register_parameter(name, torch.nn.Parameter(torch.tensor([start], dtype=torch.float64)))

    def forward(self, edge=1.0):
        f = A / 2 * (self.theta - S) ** 2 + B / 2 * (self.phi - self.theta) ** 2
        theta = gradient_scale_edge(edge)(self.theta)
        g = C / 2 * (theta - U) ** 2 + D / 2 * (self.eta - theta) ** 2
        return LossSums(f.sum(), g.sum())


def plan_of(phase, steps, gamma, rate, **options):
    rates = rate if isinstance(rate, dict) else dict.fromkeys(("theta", "phi", "eta"), rate)
    return Plan([Segment(phase, steps, 1, gamma, gamma)], {phase: rates}, **options)


def sgd(model):
    prefixes = {"theta": "theta", "phi": "phi", "eta": "eta"}
    return torch.optim.SGD(parameter_groups(split_roles(model.named_parameters(), prefixes), 0.0), lr=0.0)


def descend(model, optimizer, plan, steps):
    for step in range(1, steps + 1):
        moment = plan.at(step)

        def forward(_, moment=moment):
            sums = model(moment.edge)
            return LossSums(sums.supervised if moment.labelled else None, sums.self_supervised if moment.pool else None)

        gradient(forward, [None], moment, ONE)
        apply(optimizer, moment, grad_clip=math.inf)


def constant(plan):
    return Plan(plan.segments, plan.rates, TriStage(0.0, 1.0, 1.0), plan.eta_step)


@pytest.mark.parametrize("eta_step", ["penalised", "own"])
@pytest.mark.parametrize("gamma", [0.1, 1.0, 37.0])
def test_the_loop_reaches_the_closed_form_of_the_penalised_problem(gamma, eta_step):
    model = Toy()
    rates = {"theta": 0.5 / (A + B + gamma * (C + D)), "phi": 0.5 / B,
             "eta": 0.5 / D / (gamma if eta_step == "penalised" else 1.0)}
    plan = constant(plan_of("joint", 400, gamma, rates, eta_step=eta_step))
    descend(model, sgd(model), plan, 400)
    solution = (A * S + gamma * C * U) / (A + gamma * C)
    for name in ("theta", "phi", "eta"):
        assert getattr(model, name).item() == pytest.approx(solution, abs=1e-8)
    reached = model.theta.item()
    gap = C / 2 * (reached - U) ** 2  # g - min g there
    bound = (A * abs(reached - S)) ** 2 * (2 / C)
    assert gap * gamma**2 / bound == pytest.approx(1 / 4, rel=1e-6)


@pytest.mark.parametrize("gamma", [0.1, 1.0, 37.0])
def test_all_three_gradients_belong_to_the_old_point(gamma):
    model = Toy()
    theta, phi, eta = (getattr(model, name).item() for name in ("theta", "phi", "eta"))
    rate = 0.01
    descend(model, sgd(model), constant(plan_of("joint", 1, gamma, rate)), 1)
    assert model.phi.item() == pytest.approx(phi - rate * B * (phi - theta), abs=1e-15)
    assert model.eta.item() == pytest.approx(eta - rate * gamma * D * (eta - theta), abs=1e-15)
    moved = A * (theta - S) - B * (phi - theta) + gamma * (C * (theta - U) - D * (eta - theta))
    assert model.theta.item() == pytest.approx(theta - rate * moved, abs=1e-14)


def test_an_own_step_gives_eta_its_gradient_without_gamma_and_theta_the_same_as_before():
    penalised, own = Toy(), Toy()
    eta, theta = own.eta.item(), own.theta.item()
    descend(penalised, sgd(penalised), constant(plan_of("joint", 1, 5.0, 0.01)), 1)
    descend(own, sgd(own), constant(plan_of("joint", 1, 5.0, 0.01, eta_step="own")), 1)
    assert own.theta.item() == pytest.approx(penalised.theta.item(), abs=1e-14)
    assert own.eta.item() == pytest.approx(eta - 0.01 * D * (eta - theta), abs=1e-15)


@pytest.mark.parametrize("phase, moving", [("exploration", {"theta", "eta"}), ("joint", {"theta", "phi", "eta"}),
                                           ("final", {"theta", "phi"})])
def test_a_role_that_rests_keeps_its_bits_even_under_adam_with_weight_decay(phase, moving):
    model = Toy()
    prefixes = {name: name for name in ("theta", "phi", "eta")}
    groups = parameter_groups(split_roles(model.named_parameters(), prefixes), 0.1)
    optimizer = torch.optim.AdamW(groups, lr=0.0)
    descend(model, optimizer, constant(plan_of("joint", 3, 1.0, 0.1)), 3)  # fill the moments
    before = {name: value.clone() for name, value in model.state_dict().items()}
    descend(model, optimizer, constant(plan_of(phase, 3, 1.0, 0.1)), 3)
    assert {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])} == moving


def test_gamma_zero_moves_theta_and_phi_as_the_supervised_run_and_eta_not_at_all():
    joint, supervised = Toy(), Toy()
    descend(joint, sgd(joint), constant(plan_of("joint", 20, 0.0, 0.1)), 20)
    descend(supervised, sgd(supervised), constant(plan_of("final", 20, 0.0, 0.1)), 20)
    assert torch.equal(joint.theta, supervised.theta) and torch.equal(joint.phi, supervised.phi)
    assert torch.equal(joint.eta, Toy().eta)


def test_steps_are_stable_below_two_over_the_curvature_and_divergent_above():
    gamma = 10.0
    for factor, settles in ((0.99, True), (1.01, False)):
        model = Toy()
        model.phi.requires_grad_(False)
        model.eta.requires_grad_(False)
        curvature = A + B + gamma * (C + D)
        descend(model, sgd(model), constant(plan_of("joint", 2000, gamma, factor * 2 / curvature)), 2000)
        assert (abs(model.theta.item()) < 10) == settles


def test_the_meter_splits_the_gradient_into_its_two_parts():
    model = Toy()
    plan = constant(plan_of("joint", 1, 3.0, 0.1))
    meter = PullMeter([model.theta])
    gradient(lambda _: model(1.0), [None], plan.at(1), ONE, supervised_sink=meter.add)
    pull = meter.read()
    theta, phi, eta = (getattr(model, name).item() for name in ("theta", "phi", "eta"))
    f = A * (theta - S) - B * (phi - theta)
    g = 3.0 * (C * (theta - U) - D * (eta - theta))
    assert pull.supervised == pytest.approx(abs(f), rel=1e-6)
    assert pull.self_supervised == pytest.approx(abs(g), rel=1e-6)
    assert pull.cosine == pytest.approx(math.copysign(1.0, f * g), rel=1e-6)


def test_micro_batches_with_unequal_counts_add_up_to_the_whole_batch():
    torch.manual_seed(0)
    data = torch.randn(7, 3, dtype=torch.float64)
    weight = torch.nn.Parameter(torch.randn(3, dtype=torch.float64))
    moment = constant(plan_of("joint", 1, 0.7, 0.1)).at(1)

    def forward(rows):
        part = data[list(rows)] @ weight
        labelled = part[: len(part) // 2].square().sum() if len(part) > 1 else None
        return LossSums(labelled, part.sin().sum())

    whole = [range(4), [4], [5, 6]]
    counts = Counts(2 + 0 + 1, 7)
    gradient(forward, whole, moment, counts)
    accumulated, weight.grad = weight.grad.clone(), None
    chosen = data[[0, 1, 5]] @ weight
    (chosen.square().sum() / 3 + 0.7 * (data @ weight).sin().sum() / 7).backward()
    assert torch.allclose(accumulated, weight.grad, rtol=1e-12, atol=1e-14)


def test_a_gradient_that_is_not_finite_moves_nothing():
    model = Toy()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradient(lambda _: LossSums((model.theta * math.nan).sum(), None), [None], plan_of("final", 1, 0.0, 0.1).at(1), ONE)
    norms = apply(sgd(model), plan_of("final", 1, 0.0, 0.1).at(1), 1.0)
    assert math.isnan(norms["theta"])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_an_alternating_step_uses_the_newest_point_and_a_joint_step_the_old_one():
    """f = (phi - theta)^2 B / 2 + ..: after a step on g, a step on f sees the moved theta."""
    model, rate, gamma = Toy(), 0.01, 2.0
    theta, phi, eta = (getattr(model, name).item() for name in ("theta", "phi", "eta"))
    rates = {"joint": dict.fromkeys(("theta", "phi", "eta"), rate)}
    plan = Plan([Segment("joint", 2, 1, gamma, gamma, turns=(1, 1))], rates, TriStage(0.0, 1.0, 1.0))
    descend(model, sgd(model), plan, 2)
    newest = theta - rate * gamma * (C * (theta - U) - D * (eta - theta))
    assert model.phi.item() == pytest.approx(phi - rate * B * (phi - newest), abs=1e-15)
    assert model.theta.item() == pytest.approx(newest - rate * (A * (newest - S) - B * (phi - newest)), abs=1e-14)


def test_reset_moments_are_those_of_a_role_that_never_moved():
    model, prefixes = Toy(), {name: name for name in ("theta", "phi", "eta")}
    optimizer = torch.optim.AdamW(parameter_groups(split_roles(model.named_parameters(), prefixes), 0.0), lr=0.0)
    segments = [Segment("exploration", 2), Segment("joint", 1, 1, 1.0, 1.0)]
    rates = {phase: dict.fromkeys(("theta", "phi", "eta"), 0.1) for phase in ("exploration", "joint")}
    descend(model, optimizer, Plan(segments, rates, TriStage(0.0, 1.0, 1.0), reset_moments=("theta",)), 3)
    assert [int(optimizer.state[getattr(model, name)]["step"]) for name in ("theta", "phi", "eta")] == [1, 1, 3]


def test_a_reset_that_falls_on_a_step_that_is_not_finite_is_not_lost():
    model, prefixes = Toy(), {name: name for name in ("theta", "phi", "eta")}
    optimizer = torch.optim.AdamW(parameter_groups(split_roles(model.named_parameters(), prefixes), 0.0), lr=0.0)
    rates = {phase: dict.fromkeys(("theta", "phi", "eta"), 0.1) for phase in ("exploration", "joint")}
    segments = [Segment("exploration", 2), Segment("joint", 2, 1, 1.0, 1.0)]
    plan = Plan(segments, rates, TriStage(0.0, 1.0, 1.0), reset_moments=("theta",))
    descend(model, optimizer, plan, 2)
    gradient(lambda _: LossSums((model.theta * math.nan).sum(), None), [None], plan.at(3), ONE)
    apply(optimizer, plan.at(3), grad_clip=math.inf)
    assert model.theta not in optimizer.state and int(optimizer.state[model.eta]["step"]) == 2


def test_a_third_level_enters_by_its_name_alone():
    """F = f + gamma (g + beta d): the objective and the running norms take any loss that has a weight."""
    f, g, d = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (3.0, 5.0, 7.0))
    weights = {"supervised": 1.0, "self_supervised": 0.5, "distillation": 0.5 * 4.0}
    penalised(LossSums(f * 1, g * 1, distillation=d * 1), Counts(2, 10, distillation=14), weights).backward()
    assert (f.grad, g.grad, d.grad) == (1 / 2, 0.5 / 10, 2.0 / 14)
    balance = Balance(losses=tuple(weights))
    for loss, norm in zip(weights, (8.0, 3.0, 4.0), strict=True):
        hidden = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        balance.watch(loss, hidden)
        (norm * hidden).sum().backward()
    balance.update(weights, torch.device("cpu"))
    assert balance.ratio_of("self_supervised", "distillation") == pytest.approx((3 / 0.5) / (4 / 2.0))
    assert balance.ratio == pytest.approx(8 / (3 / 0.5))
