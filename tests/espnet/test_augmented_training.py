"""The real trainer with augmentation and its ramp: restarts and processes change nothing."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from experiment import (  # noqa: E402
    CONFORMER,
    assert_close_runs,
    history,
    make_experiment,
    train,
    train_killed_at,
    train_processes,
    weights,
)

SPECTRUM = ("augment_conf.num_freq_masks=2", "augment_conf.time_masks_per_second=4", "plan_conf.augment_start=1",
            "plan_conf.augment_ramp=3", "accum_grad=2")  # fmt: skip
STILL = ("trunk_conf.dropout=0.0", "trunk_conf.attention_dropout=0.0", "train_dtype=float64", "optim=sgd",
         "optim_conf={}", "plan_conf.final_scale=1.0")  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("augmented")


def test_an_augmented_run_killed_on_its_ramp_and_started_again_equals_the_unbroken_one(root):
    unbroken, broken, plain = (make_experiment(root, *changes, size=CONFORMER)
                               for changes in (SPECTRUM, SPECTRUM, SPECTRUM[2:]))
    train(unbroken)
    train(plain)
    for step in (4, 8):
        train_killed_at(broken, step)
    train(broken)
    assert all(torch.equal(value, weights(unbroken)[name]) for name, value in weights(broken).items())
    assert history(broken) == history(unbroken)
    rows, others = ([row["ctc"] for row in history(run) if row["kind"] == "train" and row["ctc"] is not None]
                    for run in (unbroken, plain))
    assert rows[0] == others[0] and rows[1] != others[1]  # the first labelled step has none yet


def test_two_processes_augment_as_one(root, tmp_path):
    one, two = (make_experiment(root, *SPECTRUM, *STILL, size=CONFORMER) for _ in range(2))
    train(one)
    train_processes(two, tmp_path / "meet")
    assert_close_runs(one, two)
