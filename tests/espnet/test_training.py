"""The real trainer on a tiny experiment: stages, restarts, processes, and what a run leaves behind."""


import pytest
import torch

from tests.helpers.experiment import (
    assert_close_runs,
    history,
    make_experiment,
    train,
    train_killed_at,
    train_processes,
    weights,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def unbroken(root):
    exp_dir = make_experiment(root)
    train(exp_dir)
    return exp_dir


def assert_equal(first, second):
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different


def test_three_stages_one_after_the_other_equal_the_unbroken_run_bit_for_bit(root, unbroken):
    exp_dir = make_experiment(root)
    for stage in ("exploration", "joint", "final"):
        train(exp_dir, stage)
    assert_equal(weights(exp_dir), weights(unbroken))
    assert history(exp_dir) == history(unbroken)


@pytest.mark.parametrize("killed_at", [1, 4, 7, 9])
def test_a_run_killed_at_any_step_and_started_again_equals_the_unbroken_run(root, unbroken, killed_at):
    exp_dir = make_experiment(root)
    train_killed_at(exp_dir, killed_at)
    train(exp_dir)
    assert_equal(weights(exp_dir), weights(unbroken))
    assert history(exp_dir) == history(unbroken)


def test_exploration_leaves_the_ctc_head_and_the_final_phase_leaves_the_self_supervised_head(root):
    exp_dir = make_experiment(root)
    train(exp_dir, "exploration")
    first = weights(exp_dir)
    train(exp_dir, "joint")
    second = weights(exp_dir)
    train(exp_dir, "final")
    third = weights(exp_dir)
    fresh = make_experiment(root)
    train(fresh, "exploration")

    def moved(before, after, prefix):
        return any(not torch.equal(before[name], after[name]) for name in before if name.startswith(prefix))

    assert moved(first, second, "network.ctc.") and moved(first, second, "network.trunk.")
    assert not moved(second, third, "network.ssl_head.") and moved(second, third, "network.ctc.")


def test_the_newest_and_the_best_models_are_kept_under_espnets_names(unbroken):
    valid = [row for row in history(unbroken) if row["kind"] == "valid"]
    best = min(valid, key=lambda row: (row["cer"], -row["epoch"]))["epoch"]
    assert (unbroken / "valid.cer.best.pth").resolve().name == f"{best}epoch.pth"
    assert (unbroken / "latest.pth").resolve().name == f"{valid[-1]['epoch']}epoch.pth"
    assert len(list(unbroken.glob("[0-9]*epoch.pth"))) <= 4
    assert (unbroken / "config.yaml").exists()


def test_contrastive_loss_is_logged_where_the_plan_computes_it(unbroken):
    rows = [row for row in history(unbroken) if row["kind"] == "train"]
    for row in rows:
        silent = row["phase"] == "final" or row["phase"] == "joint" and row["gamma"] == 0
        assert (row["contrastive"] is None) == silent
    assert all((row["ctc"] is None) == (row["phase"] == "exploration") for row in rows)


STILL = ("trunk_conf.dropout=0.0", "trunk_conf.attention_dropout=0.0", "trunk_conf.feature_dropout=0.0",
         "trunk_conf.projection_dropout=0.0", "train_dtype=float64", "optim=sgd", "optim_conf={}",
         "plan_conf.final_scale=1.0")  # fmt: skip


@pytest.mark.parametrize("changes", [
    (),  # uneven shares of every batch
    ("batch_seconds=0.5",),  # one labelled utterance a batch: the second process has none
    ("batch_seconds=0.5", "unlabelled_batch_seconds=0.5"),  # nor a pool: in exploration and final nothing at all
    ("accum_grad=2", "plan_conf.eta_step=own", "plan_conf.gamma_unit=balanced"),
    ("batch_seconds=0.5", "plan_conf.final_frozen_steps=1"),
], ids=["uneven", "none labelled", "nothing", "accumulated own balanced", "frozen"])
def test_two_processes_equal_one_in_every_phase(root, tmp_path, changes):
    """Weights, and what they log of gamma and both pulls, to rounding in float64; all terms of g are on."""
    one, two = make_experiment(root, *STILL, *changes), make_experiment(root, *STILL, *changes)
    train(one)
    train_processes(two, tmp_path / "meet")
    assert_close_runs(one, two)


RICH = ("plan_conf.gamma_unit=balanced", "plan_conf.reset_moments=[eta]", "accum_grad=2", "log_interval=2")


def test_running_norms_resets_and_accumulation_go_on_bit_for_bit_after_any_kill(root):
    unbroken, broken = make_experiment(root, *RICH), make_experiment(root, *RICH)
    train(unbroken)
    for step in (3, 6, 8, 10):
        train_killed_at(broken, step)
    train(broken)
    first, second = (torch.load(exp_dir / "checkpoint.pth", weights_only=True) for exp_dir in (broken, unbroken))
    assert_equal(first["model"], second["model"])
    assert first["balance"] == second["balance"] and 0 < first["balance"]["weights"]["supervised"] < 1
    assert first["health"] == second["health"]
    assert history(broken) == history(unbroken)


METHODS = ("bljust", "ptft", "supervised", "weighted_sum", "alternating")


def test_every_method_trains_from_the_same_weights_through_the_same_evaluations(root, monkeypatch):
    """Same initial weights, same order and masks of either kind of audio, same numbers of passes."""
    from espnet_bljust.training.update import Updater

    real, seen = Updater.step, {}

    def watched(self, batches, moment, *rest, **named):
        if moment.step == 1:
            seen["start"] = {name: value.clone() for name, value in self.inner.state_dict().items()}
        for batch in batches:
            names = batch.utterances[: batch.num_labelled], batch.utterances[batch.num_labelled :]
            for kind, part in zip(("labelled", "pool"), names, strict=True):
                seen[kind] = seen.get(kind, []) + part
        real(self, batches, moment, *rest, **named)

    monkeypatch.setattr(Updater, "step", watched)
    runs, base = {}, ("plan_conf.schedule=once", "plan_conf.gamma=constant")
    for method in METHODS:
        seen.clear()
        exp_dir = make_experiment(root, *base, method=method)
        train(exp_dir)
        runs[method] = dict(seen)
        assert [row["cer"] for row in history(exp_dir) if row["kind"] == "valid"][-1] >= 0
    for method in METHODS[1:]:
        assert_equal(runs[method]["start"], runs["bljust"]["start"])
        for kind in ("labelled", "pool"):
            order, expected = runs[method].get(kind, []), runs["bljust"][kind]
            if (method, kind) == ("supervised", "pool"):
                assert order == []
            elif method == "weighted_sum":  # its batches are cut elsewhere: the same order, up to the last batch
                shared = min(len(order), len(expected))
                assert order[:shared] == expected[:shared] and abs(len(order) - len(expected)) <= 3
            else:
                assert order == expected


def test_use_amp_changes_nothing_on_a_cpu_that_bfloat16_makes_no_faster(root, monkeypatch):
    monkeypatch.setattr("espnet_bljust.espnet.trainer.bfloat16_pays", lambda device: False)
    one, two = make_experiment(root, *STILL[:4]), make_experiment(root, *STILL[:4], "use_amp=true")
    train(one, "joint")
    train(two, "joint")
    assert_equal(weights(one), weights(two))


def test_bfloat16_is_in_the_forward_pass_alone_and_follows_float32(root, monkeypatch):
    monkeypatch.setattr("espnet_bljust.espnet.trainer.bfloat16_pays", lambda device: True)
    one, two = make_experiment(root, *STILL[:4]), make_experiment(root, *STILL[:4], "use_amp=true")
    train(one, "joint")
    train(two, "joint")
    for name, value in weights(two).items():
        assert value.dtype in (torch.float32, torch.int64), name
    monkeypatch.setattr("espnet_bljust.espnet.trainer.bfloat16_pays", lambda device: pytest.fail("measured again"))
    train(two)  # what was measured at first holds for all stages
    for step, names in ((1, ("contrastive", "norm_g")), (4, ("ctc", "norm_f"))):
        first, second = (next(row for row in history(exp_dir) if row["step"] == step) for exp_dir in (one, two))
        assert first != second
        for name in names:
            assert second[name] == pytest.approx(first[name], rel=0.05)
