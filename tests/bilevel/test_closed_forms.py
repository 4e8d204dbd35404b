"""Proofs 3 to 6 on f = |theta - s|^2 / 2, g = |A theta - b|^2 / 2, whose every answer is known in closed form.

Through the project's own plan, step and optimizer code; theta_gamma = (I + gamma A'A)^-1 (s + gamma A'b).
"""

import math

import numpy as np
import pytest
import torch

from espnet_bljust.bilevel.penalty import Counts, LossSums
from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.bilevel.plan_segments import Segment
from espnet_bljust.bilevel.rates import TriStage
from espnet_bljust.bilevel.step import apply, gradient

FLAT = TriStage(0.0, 1.0, 1.0)
START = [3.0, -2.0, 1.0]


class Problem:
    """theta alone: no head moves."""

    def __init__(self, matrix, target, anchor):
        self.matrix, self.target, self.anchor = (torch.tensor(part, dtype=torch.float64)
                                                 for part in (matrix, target, anchor))
        self.theta = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))

    def sums(self, moment):
        f = (self.theta - self.anchor).square().sum() / 2
        g = (self.matrix @ self.theta - self.target).square().sum() / 2
        return LossSums(f if moment.labelled else None, g if moment.pool else None)

    def run(self, steps, gamma, rate, *, optimizer=torch.optim.SGD, divisor=1.0, phase="joint", **options):
        """The loop; ``divisor`` scales both losses down."""
        plan = Plan([Segment(phase, steps, 1, gamma, gamma)], {phase: dict.fromkeys(("theta", "phi", "eta"), rate)},
                    FLAT, **options)
        engine = optimizer([{"params": [self.theta], "role": "theta"}], lr=0.0)
        for step in range(1, steps + 1):
            moment = plan.at(step)
            gradient(lambda _, moment=moment: self.sums(moment), [None], moment, Counts(divisor, divisor))
            apply(engine, moment, math.inf)
        return self.theta.detach().numpy()

    def curvature(self, gamma):
        """Largest eigenvalue of the penalised objective."""
        return 1 + gamma * float(torch.linalg.matrix_norm(self.matrix, 2)) ** 2

    def solution(self, gamma):
        """By numpy, from the normal equations."""
        matrix, target, anchor = (part.numpy() for part in (self.matrix, self.target, self.anchor))
        return np.linalg.solve(np.eye(3) + gamma * matrix.T @ matrix, anchor + gamma * matrix.T @ target)


REGULAR = {"matrix": [[2.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.2, 0.0, 1.5]], "target": [1.0, -1.0, 2.0],
           "anchor": [0.5, 0.5, -1.0]}
SINGULAR = {"matrix": [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], "target": [1.0, 3.0], "anchor": [0.5, 0.5, -1.0]}


@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_the_loop_reaches_the_closed_form_of_the_vector_case(gamma):
    problem = Problem(**REGULAR)
    found = problem.run(round(20 * problem.curvature(gamma)) + 50, gamma, 1 / problem.curvature(gamma))
    np.testing.assert_allclose(found, problem.solution(gamma), rtol=0, atol=1e-8)


def test_with_many_minimisers_of_g_the_limit_is_the_one_nearest_to_the_upper_levels_choice():
    """The bilevel answer: distance to it falls like 1 / gamma and the gap g - min g like 1 / gamma^2."""
    matrix, target, anchor = (np.array(SINGULAR[name]) for name in ("matrix", "target", "anchor"))
    nearest = anchor + np.linalg.pinv(matrix) @ (target - matrix @ anchor)  # projection on {A theta = b}
    gammas, distances, gaps = [10.0, 30.0, 100.0], [], []
    for gamma in gammas:
        problem = Problem(**SINGULAR)
        found = problem.run(round(12 * problem.curvature(gamma)), gamma, 1 / problem.curvature(gamma))
        distances.append(np.linalg.norm(found - nearest))
        gaps.append(np.square(matrix @ found - target).sum() / 2)
    slope = [np.polyfit(np.log(gammas), np.log(values), 1)[0] for values in (distances, gaps)]
    assert slope[0] == pytest.approx(-1, abs=0.1) and slope[1] == pytest.approx(-2, abs=0.1)
    assert distances[-1] == pytest.approx(np.linalg.norm(problem.solution(gamma) - nearest), rel=1e-3)


def test_a_fixed_weight_keeps_its_distance_however_long_it_runs():
    problem = Problem(**SINGULAR)
    closed = np.linalg.norm(problem.solution(1.0) - problem.solution(1e9))
    found = problem.run(400, 1.0, 1 / problem.curvature(1.0))
    assert np.linalg.norm(found - problem.solution(1e9)) == pytest.approx(closed, rel=1e-6) and closed > 0.3


def test_sgd_under_alpha_over_gamma_differs_from_exploration_by_that_rate_times_grad_f():
    for gamma in (10.0, 1e3, 1e5):
        joint = Problem(**REGULAR).run(1, gamma, 0.1, alpha_over_gamma=True).copy()
        exploration = Problem(**REGULAR).run(1, 0.0, 0.1, phase="exploration")
        norm = np.linalg.norm(np.array(START) - REGULAR["anchor"])
        assert np.linalg.norm(joint - exploration) == pytest.approx(0.1 / gamma * norm, rel=1e-6)


def test_adam_divides_a_scale_of_the_loss_away_and_obeys_one_of_the_learning_rate():
    gamma = 50.0

    def adam(groups, lr):
        return torch.optim.AdamW(groups, lr=lr, eps=1e-30, weight_decay=0.0)

    plain = Problem(**REGULAR).run(5, gamma, 0.01, optimizer=adam).copy()
    scaled_loss = Problem(**REGULAR).run(5, gamma, 0.01, optimizer=adam, divisor=gamma).copy()
    np.testing.assert_allclose(scaled_loss, plain, rtol=0, atol=1e-12)
    scaled_rate = Problem(**REGULAR).run(5, gamma, 0.01, optimizer=adam, alpha_over_gamma=True)
    by_hand = Problem(**REGULAR).run(5, gamma, 0.01 / gamma, optimizer=adam)
    np.testing.assert_array_equal(scaled_rate, by_hand)
    assert np.abs(scaled_rate - plain).max() > 0.01


def test_alpha_over_gamma_is_stable_over_six_decades_of_gamma_where_the_plain_rate_is_not():
    for gamma in 10.0 ** np.arange(-3, 4):
        problem = Problem(**REGULAR)
        largest = problem.curvature(1.0)  # the worst case: curvature * alpha / gamma falls from there on both sides
        kept = problem.run(300, gamma, 1.9 / largest, alpha_over_gamma=True)
        assert np.abs(kept).max() < 10
        plain = Problem(**REGULAR).run(300, gamma, 1.9 / largest)
        assert (np.abs(plain).max() < 10) == (problem.curvature(gamma) * 1.9 / largest < 2)
