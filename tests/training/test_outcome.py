"""What a stage says of its phase, and that one in which nothing moved is an error, on rows and on a real training."""

import json

import pytest

from espnet_bljust.errors import InputError
from espnet_bljust.espnet.stage import Machines, train
from espnet_bljust.scoring.history import History
from espnet_bljust.training.outcome import told
from tests.helpers.experiment import make_experiment


def row(step, kind="train", **values):
    sound = {"skipped_steps": 0, "at_chance": 0, "plateau": 0, "infeasible": 0, "unreadable": 0, "grad_norm": 1.0,
             "lr_theta": 1e-3, "lr_phi": 0.0, "phase": "joint"}
    return {"kind": kind, "step": step, **({} if kind == "valid" else sound), **values}


def test_a_sound_phase_has_nothing_to_tell():
    assert told(History([row(10), row(20)], [row(20, "valid", all_empty=0)]), 1, 20, "exp/a") == ""


def test_counts_are_those_of_the_phase_alone():
    """3 of 5 skipped steps, the second of two alarms and all of what was unreadable fall into steps 11 to 30."""
    train_rows = [row(10, skipped_steps=2, plateau=1), row(20, skipped_steps=2, plateau=1, unreadable=4),
                  row(30, skipped_steps=5, plateau=2, unreadable=7, infeasible=1), row(40, skipped_steps=9, plateau=8)]
    valid_rows = [row(10, "valid", all_empty=0), row(30, "valid", all_empty=3), row(40, "valid", all_empty=4)]
    line = told(History(train_rows, valid_rows), 11, 30, "exp/a")
    assert "ALARMS: plateau 1, all_empty 3" in line and "at_chance" not in line
    assert "3 of 20 steps were not finite" in line and "passed over 7 times: exp/a/unreadable_*.txt" in line
    assert "came up 1 times" in line


@pytest.mark.parametrize(("rows", "why"), [
    ([row(10, skipped_steps=10), row(20, skipped_steps=19)], "19 of 20 steps were not finite"),
    ([row(10, grad_norm=0.0), row(20, grad_norm=0.0)], "no gradient came"),
    ([row(10, lr_theta=0.0), row(20, lr_theta=0.0)], "all rates were 0.*plan_conf.joint_rates"),
])
def test_a_phase_in_which_nothing_moved_is_an_error(rows, why):
    with pytest.raises(InputError, match=f"exp/a: {why}"):
        told(History(rows, []), 1, 20, "exp/a")


def test_a_few_steps_that_were_skipped_or_without_a_rate_are_none():
    rows = [row(10, skipped_steps=8, lr_theta=0.0), row(20, skipped_steps=9, grad_norm=0.0)]
    assert "9 of 20 steps were not finite" in told(History(rows, []), 1, 20, "exp/a")


def test_a_training_whose_weights_explode_fails_in_its_stage_and_again_when_it_is_complete(tmp_path):
    exp_dir = make_experiment(tmp_path, "plan_conf.schedule=once", "plan_conf.exploration_steps=20",
                              "plan_conf.exploration_rates={theta: 1.0e+30, eta: 1.0e+30}", "steps_per_epoch=20",
                              "plan_conf.cycles=1")
    for _ in range(2):  # the second time nothing is left to train
        with pytest.raises(InputError, match=r"(19|20) of 20 steps were not finite and moved nothing\. Look at"):
            train(exp_dir, "exploration", Machines(num_workers=0))
    accuracy = [json.loads(line).get("ssl_accuracy") for line in (exp_dir / "history.jsonl").read_text().splitlines()]
    assert accuracy[-1] in (None, 0.0)
