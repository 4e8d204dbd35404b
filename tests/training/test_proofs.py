"""Proofs 1, 2, 3 and 8 and the balance, on a small real network in float64 through the project's own step."""


import pytest
import torch

from espnet_bljust.bilevel.balance import Balance
from espnet_bljust.network.joint import JointBatch
from tests.helpers.small import (
    Trainer,
    constant_plan,
    gradients,
    make_model,
    micro_batch,
    objective,
    role,
    step_of,
    weights,
)

LABELLED, POOL = (0, 1, 2), (2, 5, 6, 8)


def assert_close(found, expected, tolerance):
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=tolerance, msg=lambda said, at=name: f"{at} {said}")


def assert_equal(found, expected, *roles):
    different = [name for name in found if role(name) in roles and not torch.equal(found[name], expected[name])]
    assert not different


@pytest.mark.parametrize("eta_step", ["penalised", "own"])
@pytest.mark.parametrize("gamma", [0.0, 0.1, 1.0, 37.0])
def test_one_backward_equals_three_autograd_calls(gamma, eta_step):
    model, batch = make_model(), micro_batch(LABELLED, POOL)
    f, g = objective(model, batch)
    by_f, by_g = gradients(model, f), gradients(model, g)
    factor = {"theta": gamma, "phi": 0.0, "eta": gamma if eta_step == "penalised" else 1.0}
    expected = {name: by_f[name] + factor[role(name)] * by_g[name] for name in by_f}
    plan = constant_plan("joint", 1, gamma, eta_step=eta_step)
    if gamma == 0 and eta_step == "penalised":
        batch = micro_batch(LABELLED)  # the plan asks for no pool
        assert not plan.at(1).pool
    assert_close(step_of(model, plan, batch), expected, 1e-10)


def test_thetas_gradient_changes_with_gamma_by_the_self_supervised_gradient_not_zero():
    batch = micro_batch(LABELLED, POOL)
    one, two = (step_of(make_model(), constant_plan("joint", 1, gamma), batch) for gamma in (1.0, 2.0))
    model = make_model()
    expected = gradients(model, objective(model, batch)[1])
    theta = [name for name in one if role(name) == "theta" and name != "network.trunk.mask_embedding"]
    assert_close({name: two[name] - one[name] for name in theta}, {name: expected[name] for name in theta}, 1e-10)
    assert all(expected[name].abs().max() > 1e-6 for name in theta if "k_proj.bias" not in name)


def test_the_trunk_is_one_storage_for_both_losses():
    """A step on g alone changes f; a step of phi alone does not change g."""
    model, batch = make_model(), micro_batch(LABELLED, POOL)
    f, g = (float(loss.detach()) for loss in objective(model, batch))
    Trainer(model).run(constant_plan("final", 1, rate={"theta": 0.0, "phi": 0.1, "eta": 0.0}), micro_batch(LABELLED))
    after_phi = [loss.detach() for loss in objective(model, batch)]
    assert float(after_phi[0]) != f and float(after_phi[1]) == g
    Trainer(model).run(constant_plan("exploration", 1, rate=0.1), micro_batch((), POOL))
    after_g = [loss.detach() for loss in objective(model, batch)]
    assert float(after_g[0]) != float(after_phi[0]) and float(after_g[1]) < g


def test_gamma_zero_follows_the_supervised_run_bit_for_bit_moments_and_generator_included():
    """Dropout on: the passes are the same and so are their random numbers."""
    runs = []
    for phase in ("joint", "final"):
        trainer = Trainer(make_model(dropout=0.1), torch.optim.AdamW, 1.0, weight_decay=0.1)
        trainer.run(constant_plan(phase, 5, 0.0, 0.01), micro_batch(LABELLED))
        runs.append((trainer, torch.get_rng_state()))
    (joint, state), (supervised, other) = runs
    assert torch.equal(state, other)
    assert_equal(weights(joint.model), weights(supervised.model), "theta", "phi", "eta")
    for first, second in zip(joint.model.parameters(), supervised.model.parameters(), strict=True):
        moments, others = joint.optimizer.state.get(first, {}), supervised.optimizer.state.get(second, {})
        assert moments.keys() == others.keys() and all(torch.equal(moments[key], others[key]) for key in moments)
    fresh = weights(make_model(dropout=0.1))
    assert_equal(weights(joint.model), fresh, "eta")
    assert not any(parameter in joint.optimizer.state for parameter in joint.model.network.ssl_head.parameters())


def test_gamma_zero_with_pool_audio_follows_the_supervised_run_while_eta_learns_alone():
    own = Trainer(make_model(), torch.optim.AdamW, 1.0, weight_decay=0.1)
    own.run(constant_plan("joint", 5, 0.0, 0.01, eta_step="own"), micro_batch(LABELLED, POOL))
    supervised = Trainer(make_model(), torch.optim.AdamW, 1.0, weight_decay=0.1)
    supervised.run(constant_plan("final", 5, 0.0, 0.01), micro_batch(LABELLED))
    found, expected = weights(own.model), weights(supervised.model)
    moved = {name for name in found if role(name) == "eta" and not torch.equal(found[name], expected[name])}
    assert moved == {name for name in found if role(name) == "eta"}
    assert_close({name: found[name] for name in found if name not in moved},
                 {name: expected[name] for name in found if name not in moved}, 1e-12)


def test_as_gamma_grows_a_joint_step_of_sgd_nears_the_exploration_step_like_one_over_gamma():
    alpha, batch = 0.05, micro_batch(LABELLED, POOL)
    exploration = step_of(make_model(), constant_plan("exploration", 1, rate=alpha), micro_batch((), POOL))
    model = make_model()
    by_f = gradients(model, objective(model, batch)[0])
    for gamma in (10.0, 1e3, 1e5):
        joint = step_of(make_model(), constant_plan("joint", 1, gamma, alpha, alpha_over_gamma=True), batch)
        theta = [name for name in joint if role(name) == "theta"]
        distance = torch.cat([(joint[name] - exploration[name]).flatten() for name in theta]).norm()
        norm = torch.cat([by_f[name].flatten() for name in theta]).norm()
        assert float(distance) == pytest.approx(alpha / gamma * float(norm), rel=1e-6)


@pytest.mark.parametrize("parts", [
    [((0,), (2,)), ((1, 2), (5, 6, 8))],
    [((0, 1, 2), ()), ((), (2, 5)), ((), (6, 8))],  # micro-batches of one kind alone
    [((0,), (2,)), ((1,), (5,)), ((2,), (6, 8))],
])  # fmt: skip
@pytest.mark.parametrize(("phase", "eta_step"), [("exploration", "penalised"), ("joint", "penalised"), ("joint", "own"),
                                                 ("final", "penalised")])
def test_micro_batches_of_any_cut_give_the_gradient_of_the_whole_batch(parts, phase, eta_step):
    """Diversity and L2 terms included, which are no means over one micro-batch."""
    uses = phase != "exploration", phase != "final"
    cut = [micro_batch(labelled if uses[0] else (), pool if uses[1] else ()) for labelled, pool in parts]
    cut = [batch for batch in cut if batch.utterances]
    plan = constant_plan(phase, 1, 3.0, eta_step=eta_step)
    whole = step_of(make_model(), plan, micro_batch(LABELLED if uses[0] else (), POOL if uses[1] else ()))
    assert_close(step_of(make_model(), plan, *cut), whole, 1e-12)


def test_a_process_without_a_share_of_a_batch_adds_zeros_to_the_trunk_none_to_heads():
    model = make_model()
    model(JointBatch())["supervised"].backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == (role(name) != "theta")
        assert parameter.grad is None or not parameter.grad.any()


def test_where_the_trunk_rests_a_process_without_any_share_leaves_it_without_a_gradient_too():
    model = make_model()
    model(JointBatch(), trunk_rests=True)["supervised"].backward()
    reached = {role(name) for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert reached == {"phi"}


def test_clipping_acts_on_each_roles_combined_gradient():
    batch, plan = micro_batch(LABELLED, POOL), constant_plan("joint", 1, 2.0, eta_step="own")
    free, clipped = step_of(make_model(), plan, batch), step_of(make_model(), plan, batch, grad_clip=0.01)
    for one in ("theta", "phi", "eta"):
        names = [name for name in free if role(name) == one]
        before, after = (torch.cat([found[name].flatten() for name in names]) for found in (free, clipped))
        assert float(before.norm()) > 0.01
        torch.testing.assert_close(after, before * 0.01 / before.norm(), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("eta_step", ["penalised", "own"])
@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("measure", [False, True])  # measuring takes f's gradient apart by a pass of its own
@pytest.mark.parametrize("system", ["wav2vec2", "wav2vec2 options"])
def test_balanced_gamma_is_the_ratio_of_both_norms_at_the_trunks_output(eta_step, cut, measure, system):
    model, balance = make_model(system=system), Balance()
    hidden = {}
    model.network.ctc.register_forward_pre_hook(lambda _, rows: hidden.__setitem__("f", rows[0]))
    model.network.ssl_head.register_forward_pre_hook(lambda _, rows: hidden.__setitem__("g", rows[0]))
    f, g = objective(model, micro_batch(LABELLED, POOL, system))
    norms = [float(torch.autograd.grad(loss, hidden[name], retain_graph=True)[0].norm())
             for loss, name in ((f, "f"), (g, "g"))]
    parts = [(LABELLED, POOL)] if cut == 1 else [((0,), (2, 5)), ((1, 2), (6, 8))]
    batches = [micro_batch(*part, system) for part in parts]
    plan = constant_plan("joint", 2, 3.0, 0.0, eta_step=eta_step, gamma_unit="balanced")
    trainer = Trainer(model, balance=balance)
    assert balance.ratio == 1
    trainer.run(plan, *batches, measure=measure)
    assert balance.ratio == pytest.approx(norms[0] / norms[1], rel=1e-9)
    assert plan.at(1, balance.ratio).gamma == pytest.approx(3.0 * norms[0] / norms[1], rel=1e-9)


def test_the_balance_goes_on_from_plain_numbers():
    first, again = Balance(), Balance()
    first.sums = {"supervised": 3.0, "self_supervised": 0.5}
    first.weights = {"supervised": 0.5, "self_supervised": 0.25}
    again.load_state_dict(first.state_dict())
    assert again.ratio == first.ratio == 3.0


def test_pulls_are_the_norms_and_the_cosine_of_both_gradients_of_the_trunk():
    model, batch = make_model(), micro_batch(LABELLED, POOL)
    parts = [torch.cat([value.flatten() for name, value in gradients(model, loss).items() if role(name) == "theta"])
             for loss in objective(model, batch)]
    trainer = Trainer(model).run(constant_plan("joint", 1, 5.0, 0.0), batch, measure=True)
    pull = trainer.stats.pull
    assert pull.supervised == pytest.approx(float(parts[0].norm()), rel=1e-5)
    assert pull.self_supervised == pytest.approx(5 * float(parts[1].norm()), rel=1e-5)
    assert pull.cosine == pytest.approx(float(torch.cosine_similarity(*parts, dim=0)), abs=1e-5)
    trainer.stats.clear()
    trainer.run(constant_plan("exploration", 1, rate=0.0), micro_batch((), POOL))
    assert trainer.stats.pull == (None, pytest.approx(float(parts[1].norm()), rel=1e-9), None)
