"""A run asked to stop or killed at any moment goes on as if nothing had been: real signals, real processes."""

import logging
import os
import random
import shutil
import signal
import time
from contextlib import suppress

import pytest
import torch

from espnet_bljust.errors import InputError
from espnet_bljust.espnet.iterator import ValidIterFactory
from espnet_bljust.training.average import average
from espnet_bljust.training.saving import Saver
from espnet_bljust.training.stopping import REQUEUE_CODE, SIGNALS, Stopped, listening, requested
from espnet_bljust.weights.checkpoint import save_atomically
from tests.helpers.experiment import history, make_experiment, train
from tests.helpers.preempted import (
    LONG,
    STEPS,
    ask_myself,
    assert_alike,
    at_step,
    command,
    curves,
    does,
    ended,
    holding,
    log_of,
    next_second,
    state,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("preemption")


@pytest.fixture(scope="module")
def unbroken(root):
    exp_dir = make_experiment(root, *LONG)
    train(exp_dir)
    return exp_dir


def test_a_run_stopped_after_every_single_step_goes_on_bit_for_bit(root, unbroken, monkeypatch):
    """The last step of an interval included, whose evaluation is then left to the next start."""
    exp_dir = make_experiment(root, *LONG)
    for step in STEPS:
        next_second()  # TensorBoard reads the files of a second by their numbers' letters: 10 before 9
        with monkeypatch.context() as patch, pytest.raises(Stopped) as caught:
            at_step(patch, step, lambda step=step: ask_myself(SIGNALS[step % len(SIGNALS)]))
            train(exp_dir)
        assert caught.value.step == step == state(exp_dir)["step"]
        assert max(row["step"] for row in history(exp_dir)) <= step if step > 1 else not history(exp_dir)
    train(exp_dir)
    assert_alike(exp_dir, unbroken)
    assert curves(exp_dir) == curves(unbroken)


def test_an_evaluation_that_was_broken_off_is_made_up_for_once(root, unbroken, monkeypatch):
    """By a signal in its middle, then by a kill between its row of the history and its checkpoint."""
    exp_dir, evaluations = make_experiment(root, *LONG), []
    real = ValidIterFactory.build_iter

    def asked(self, epoch, shuffle=None):
        evaluations.append(epoch)
        for batch in real(self, epoch, shuffle):
            if len(evaluations) == 2:
                ask_myself()
            yield batch

    with monkeypatch.context() as patch, pytest.raises(Stopped) as caught:
        patch.setattr(ValidIterFactory, "build_iter", asked)
        train(exp_dir)
    assert caught.value.step == 6 and history(exp_dir)[-1]["kind"] == "train"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Saver, "save", lambda *_: ask_myself(signal.SIGINT))
        train(exp_dir)
    assert history(exp_dir)[-1]["kind"] == "valid"
    train(exp_dir)
    assert_alike(exp_dir, unbroken)


def test_a_signal_before_the_first_step_and_one_after_the_last_end_with_the_requeue_code_too(root, unbroken):
    for exp_dir, step in ((make_experiment(root, *LONG), 0), (unbroken, 10)):
        with listening(), pytest.raises(Stopped) as caught:
            ask_myself()
            train(exp_dir)
        assert caught.value.step == step


def test_ctrl_c_ends_a_run_at_once_and_without_a_checkpoint(root, monkeypatch):
    exp_dir = make_experiment(root, *LONG)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        at_step(patch, 4, lambda: ask_myself(signal.SIGINT))
        train(exp_dir)
    assert state(exp_dir)["step"] == 2


@pytest.mark.parametrize("seed", range(2))
def test_signals_to_the_whole_process_group_at_random_moments_lose_nothing(root, unbroken, seed):
    """Loader processes get them too, and live on until the step has its audio. They come again and again."""
    exp_dir, chance, codes = make_experiment(root, *LONG), random.Random(seed), []
    while not codes or codes[-1] == REQUEUE_CODE and len(codes) < 40:
        process = command(exp_dir, "--num_workers", "1")
        if holding(exp_dir, process):
            time.sleep(chance.uniform(0.0, 2.0))
            with suppress(ProcessLookupError):  # it has ended
                while process.is_alive():
                    os.killpg(process.pid, chance.choice(SIGNALS))
                    time.sleep(0.02)
        codes += ended(process)
    assert codes[-1] == 0 and set(codes) <= {0, REQUEUE_CODE}, log_of(exp_dir)
    assert_alike(exp_dir, unbroken)


def test_a_run_killed_at_any_moment_goes_on_from_the_last_checkpoint_of_the_clock(root, unbroken):
    exp_dir = make_experiment(root, *LONG)
    for step in (4, 5, 8):
        dies = does(step, lambda: ask_myself(signal.SIGKILL))
        assert ended(command(exp_dir, "--save_interval_minutes", "1e-9", before=dies)) == [-signal.SIGKILL]
        assert state(exp_dir)["step"] == step - 1
    assert ended(command(exp_dir)) == [0]
    assert_alike(exp_dir, unbroken)


def test_without_the_clock_checkpoints_come_with_evaluations_alone(root):
    exp_dir = make_experiment(root, *LONG, "save_interval_minutes=0")
    assert ended(command(exp_dir, before=does(5, lambda: ask_myself(signal.SIGKILL)))) == [-signal.SIGKILL]
    assert state(exp_dir)["step"] == 2


def damage(path, rng):
    """Cut off, or one bit of a weight flipped."""
    data = bytearray(path.read_bytes())
    if rng.random() < 0.5:
        data = data[: rng.randrange(len(data))]
    else:
        data[rng.randrange(len(data) // 4, len(data) // 2)] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(root, unbroken, seed, caplog):
    exp_dir = make_experiment(root, *LONG)
    train(exp_dir, "joint")
    before = torch.load(exp_dir / "checkpoint.previous.pth", weights_only=True)["step"]
    damage(exp_dir / "checkpoint.pth", random.Random(seed))
    with caplog.at_level(logging.INFO):
        train(exp_dir)
    (line,) = [record.message for record in caplog.records if "going on from" in record.message]
    assert f"{exp_dir}/checkpoint.pth: not a readable checkpoint" in line and "\n" not in line
    assert f"checkpoint.damaged.pth; going on from {exp_dir}/checkpoint.previous.pth, step {before}" in line
    assert_alike(exp_dir, unbroken)


def test_a_checkpoint_of_before_there_were_any_between_evaluations_goes_on(root, unbroken):
    exp_dir = make_experiment(root, *LONG)
    train(exp_dir, "joint")
    found = torch.load(exp_dir / "checkpoint.pth", weights_only=True)
    del found["stats"], found["others"]
    save_atomically(found, exp_dir / "checkpoint.pth")
    train(exp_dir)
    assert_alike(exp_dir, unbroken)


def test_with_both_damaged_the_run_stops_in_one_line(root, unbroken, tmp_path):
    exp_dir = shutil.copytree(unbroken, tmp_path / "exp", symlinks=True)
    for name in ("checkpoint.pth", "checkpoint.previous.pth"):
        (exp_dir / name).write_bytes((exp_dir / name).read_bytes()[:-100])
    with pytest.raises(InputError, match=r"checkpoint\.pth: not a readable .* neither is .*\.previous") as caught:
        train(exp_dir)
    assert "\n" not in str(caught.value) and "--init_from" in str(caught.value)


def test_a_damaged_epoch_is_named_by_the_average(unbroken, tmp_path):
    good = sorted(unbroken.glob("*epoch.pth"))[:2]
    bad = shutil.copy(good[0], tmp_path / "7epoch.pth")
    bad.write_bytes(bad.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"7epoch\.pth: not a readable checkpoint"):
        average([good[1], bad])


def test_a_second_run_in_one_experiment_is_refused_with_host_process_and_start(root, tmp_path):
    exp_dir = make_experiment(root, *LONG)
    sleeping = command(exp_dir, before=does(3, lambda: time.sleep(60)))
    try:
        assert holding(exp_dir, sleeping)
        second = command(exp_dir, rank=1)
        assert ended(second) == [1]
        (line,) = [line for line in log_of(exp_dir, 1).splitlines() if line.startswith("error:")]
        assert f"{exp_dir}: another run trains here (host {os.uname().nodename}, process {sleeping.pid}, since " in line
    finally:
        sleeping.kill()
        sleeping.join()
    assert ended(command(exp_dir)) == [0]  # a kill leaves no lock


def test_a_signal_that_came_ignored_stays_so_and_the_others_ask():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening():
            ask_myself(signal.SIGHUP)
            assert not requested()
            ask_myself(signal.SIGUSR1)
            assert requested()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    with listening():
        ask_myself(signal.SIGHUP)
        assert requested()
