"""The real trainer on a tiny experiment: stages, restarts, processes, and what a run leaves behind."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from experiment import history, make_experiment, train, weights  # noqa: E402


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
def test_a_run_killed_at_any_step_and_started_again_equals_the_unbroken_run(root, unbroken, killed_at, monkeypatch):
    from espnet_bljust.espnet.update import Updater

    exp_dir = make_experiment(root)
    real = Updater.step

    def dies(self, batches, moment, *rest, **named):
        if moment.step == killed_at:
            raise KeyboardInterrupt
        real(self, batches, moment, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Updater, "step", dies)
        with pytest.raises(KeyboardInterrupt):
            train(exp_dir)
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


def test_two_processes_equal_one(root, tmp_path):
    """Uneven shares of every batch, all three phases. Off: dropout, since processes draw their own; the diversity and
    L2 terms, which are means within one micro-batch by definition and so no sums over its parts."""
    changes = ("ssl_conf.diversity_weight=0.0", "ssl_conf.penalty_weight=0.0",
               "trunk_conf.dropout=0.0", "trunk_conf.attention_dropout=0.0", "trunk_conf.feature_dropout=0.0",
               "trunk_conf.projection_dropout=0.0", "optim=sgd", "optim_conf={}", "grad_clip=1000000.0",
               "plan_conf.final_scale=1.0")
    one, two = make_experiment(root, *changes), make_experiment(root, *changes)
    train(one)
    context = torch.multiprocessing.get_context("fork")
    workers = [context.Process(target=_worker, args=(two, rank, tmp_path / "meet")) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    for name, value in weights(one).items():
        assert torch.allclose(value, weights(two)[name], rtol=1e-4, atol=1e-6), name


def _worker(exp_dir, rank, meeting):
    torch.set_num_threads(1)
    train(exp_dir, "final", "--multiprocessing_distributed", "false", "--dist_backend", "gloo", "--dist_init_method",
          f"file://{meeting}", "--dist_world_size", "2", "--dist_rank", str(rank))
