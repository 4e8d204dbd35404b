"""A run whose CTC stays on the plateau begins again with half the rates: when, how often, and alike after any kill."""

import logging
import math

import pytest
import torch

from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.heads.ctc import CTCHead
from espnet_bljust.network.heads.supervised import supervised
from espnet_bljust.training.health import Health
from espnet_bljust.training.take_off import TakeOff, token_nats
from tests.helpers.experiment import assert_close_runs, history, make_experiment, train, train_processes, weights

PLATEAU = {"phase": "joint", "gamma": 1.0, "contrastive": None, "contrastive_guess": None, "ssl_accuracy": None,
           "code_perplexity": None, "norm_f": 1.0, "norm_g": 1.0}
# rates of 0: nothing is learned; the plan's labelled steps are 3, 4, 7, 8, 9, 10, of which 2 steps settle no phase
STUCK = ("take_off=retry", "take_off_steps=2", "plan_conf.warmup=0.0", "plan_conf.final_scale=1.0",
         "masking_conf.labelled_probability=0.4",
         *(f"plan_conf.{phase}_rates.{role}=1e-12" for phase in ("joint", "final") for role in ("theta", "phi")))


def train_killed_after(exp_dir, steps):
    """Train until so many optimizer steps are done, whichever they are."""
    from espnet_bljust.training.update import Updater

    real, done = Updater.step, []

    def dies(self, *arguments, **named):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(real(self, *arguments, **named))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Updater, "step", dies)
        with pytest.raises(KeyboardInterrupt):
            train(exp_dir)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("take_off")


def test_the_plateau_is_the_entropy_of_the_tokens():
    assert token_nats([[1, 1, 2], [1]]) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert token_nats([]) == 0 and token_nats([[5, 5, 5]]) == 0


def test_a_head_that_knows_frequencies_alone_costs_no_less_than_the_plateau():
    """The best posteriors that are the same in every frame, by descent; the text's tokens are drawn by frequency."""
    generator = torch.Generator().manual_seed(0)
    frequencies = torch.tensor([0.5, 0.25, 0.15, 0.1])
    labels = [1 + torch.multinomial(frequencies, 12, replacement=True, generator=generator) for _ in range(60)]
    score = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    head = CTCHead(5, 5).double()
    head.ctc_lo = torch.nn.Identity()
    optimizer = torch.optim.Adam([score], lr=0.1)
    for _ in range(150):
        found = supervised(head, HeadConfig(), score.expand(60 * 50, 5), inner=[], lengths=[50] * 60, labels=labels)
        optimizer.zero_grad()
        (found.total / 60).backward()
        optimizer.step()
    least = float(found.parts["ctc"]) / float(found.parts["tokens"])
    nats = token_nats([label.tolist() for label in labels])
    assert nats <= least < 1.25 * nats
    assert float(found.parts["tokens"]) == 720


def test_the_health_watch_names_the_plateau_after_its_steps_but_not_in_the_warm_up():
    def alarms(cost, settled=True):
        health = Health(codes=0, token_nats=2.0, plateau_steps=30)
        return [step for step in range(10, 100, 10) if health.look({**PLATEAU, "ctc_token": cost}, step, settled)]

    assert alarms(1.81) == alarms(2.5) == [30, 60, 90]
    assert alarms(1.79) == alarms(2.5, settled=False) == alarms(math.nan) == alarms(None) == []
    health = Health(codes=0, token_nats=2.0, plateau_steps=10)
    (words,) = health.look({**PLATEAU, "ctc_token": 2.31}, 10, True)
    assert "CTC costs 2.31 nats a token since 10 steps" in words and "(2.00)" in words and "take_off: retry" in words
    assert health.counts["plateau"] == 1


def test_a_run_begins_again_three_times_at_most_and_never_once_it_has_left_the_plateau():
    take_off = TakeOff(2.0, 500)
    for times in range(3):
        assert take_off.judge({"ctc_token": 2.1}, settled=True, on_plateau=True)
        take_off.times = times + 1
    assert not take_off.judge({"ctc_token": 2.1}, settled=True, on_plateau=True)
    again = TakeOff(2.0, 500)
    again.load_state_dict({"times": 1, "left": False})
    assert not again.judge({"ctc_token": 1.7}, settled=True, on_plateau=False) and again.left
    assert not again.judge({"ctc_token": 2.1}, settled=True, on_plateau=True)


def test_a_run_that_learns_nothing_begins_again_three_times_with_half_the_rates_each(root, caplog):
    exp_dir = make_experiment(root, *STUCK)
    with caplog.at_level(logging.WARNING, "espnet_bljust"):
        train(exp_dir)
    said = [record.message for record in caplog.records if record.message.startswith("TAKE-OFF")]
    assert [line[:14] for line in said] == ["TAKE-OFF 1 of ", "TAKE-OFF 2 of ", "TAKE-OFF 3 of "]
    assert all("from step 3 on" in line for line in said) and "0.125 of the rates" in said[2]
    rows = history(exp_dir)
    assert [row["step"] for row in rows if row["kind"] == "train"] == list(range(1, 11))  # no step stands twice
    assert {row["lr_theta"] for row in rows if row.get("phase") == "joint" and row["kind"] == "train"} == {0.125e-12}
    assert torch.load(exp_dir / "checkpoint.pth", weights_only=True)["take_off"] == {"times": 3, "left": False}
    assert not (exp_dir / "take_off.pth").exists()


def test_killed_at_any_step_of_any_try_it_ends_as_the_unbroken_run(root):
    """Each restart goes so many steps, over the ends of tries, before it dies."""
    unbroken = make_experiment(root, *STUCK)
    train(unbroken)
    broken = make_experiment(root, *STUCK)
    for steps in (3, 4, 3, 1, 2, 3):
        train_killed_after(broken, steps)
    train(broken)
    assert all(torch.equal(value, weights(unbroken)[name]) for name, value in weights(broken).items())
    assert history(broken) == history(unbroken)


def test_stages_apart_end_as_the_unbroken_run(root):
    unbroken, apart = make_experiment(root, *STUCK), make_experiment(root, *STUCK)
    train(unbroken)
    for stage in ("exploration", "joint", "final"):
        train(apart, stage)
    assert all(torch.equal(value, weights(unbroken)[name]) for name, value in weights(apart).items())
    assert history(apart) == history(unbroken)


def test_two_processes_begin_again_as_one(root, tmp_path):
    still = ("trunk_conf.dropout=0.0", "trunk_conf.attention_dropout=0.0", "trunk_conf.feature_dropout=0.0",
             "trunk_conf.projection_dropout=0.0", "train_dtype=float64", "optim=sgd", "optim_conf={}")
    one, two = (make_experiment(root, *STUCK, *still) for _ in range(2))
    train(one)
    train_processes(two, tmp_path / "meet")
    assert_close_runs(one, two)


def test_a_run_that_takes_off_is_the_one_without_the_option(root):
    """Patience beyond the plan: nothing is ever judged."""
    plain, patient = make_experiment(root), make_experiment(root, "take_off=retry", "take_off_steps=1000")
    train(plain)
    train(patient)
    assert all(torch.equal(value, weights(plain)[name]) for name, value in weights(patient).items())
    assert history(plain) == history(patient)
