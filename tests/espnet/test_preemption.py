"""A run asked to stop, killed or left by its peers goes on as if nothing had been: real signals, real processes."""

import logging
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from experiment import history, make_experiment, train  # noqa: E402

from espnet_bljust.bin.average import average  # noqa: E402
from espnet_bljust.bin.command import run  # noqa: E402
from espnet_bljust.bin.train import get_parser, main  # noqa: E402
from espnet_bljust.errors import InputError  # noqa: E402
from espnet_bljust.espnet import processes  # noqa: E402
from espnet_bljust.espnet.iterator import ValidIterFactory  # noqa: E402
from espnet_bljust.espnet.saving import Saver  # noqa: E402
from espnet_bljust.espnet.stopping import REQUEUE_CODE, SIGNALS, Stopped, listening  # noqa: E402
from espnet_bljust.espnet.update import Updater  # noqa: E402

# Ten steps: exploration 1, 2, 5, 6, joint 3, 4, 7, 8, final 9, 10; evaluated after 2, 6, 8, 10, a row at 3 and these.
LONG = ("steps_per_epoch=4", "log_interval=3", "plan_conf.gamma_unit=balanced", "plan_conf.reset_moments=[eta]")
STEPS = range(1, 11)
fork = torch.multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("preemption")


@pytest.fixture(scope="module")
def unbroken(root):
    exp_dir = make_experiment(root, *LONG)
    train(exp_dir)
    return exp_dir


def state(exp_dir):
    found = torch.load(exp_dir / "checkpoint.pth", weights_only=True)
    for each in (found, *found["others"]):
        del each["stats"]["seconds"]
    return found


def same(first, second):
    """Nested plain data and tensors, bit for bit."""
    if torch.is_tensor(first):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def assert_alike(broken, unbroken):
    """All that a run leaves: weights, moments, running norms, counts, rows, kept models."""
    assert same(state(broken), state(unbroken))
    assert history(broken) == history(unbroken)
    kept = sorted(path.name for path in unbroken.glob("*epoch.pth"))
    assert sorted(path.name for path in broken.glob("*epoch.pth")) == kept
    assert (broken / "valid.cer.best.pth").readlink() == (unbroken / "valid.cer.best.pth").readlink()
    assert same(*(torch.load(exp_dir / kept[0], weights_only=True) for exp_dir in (broken, unbroken)))


def at_step(patch, number, act):
    """``act`` in the middle of that step."""
    real = Updater.step

    def acts(self, batches, moment, *rest, **named):
        if moment.step == number:
            act()
        real(self, batches, moment, *rest, **named)

    patch.setattr(Updater, "step", acts)


def ask_myself(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


def test_a_run_stopped_after_every_single_step_goes_on_bit_for_bit(root, unbroken, monkeypatch):
    """The last step of an interval included, whose evaluation is then left to the next start."""
    exp_dir = make_experiment(root, *LONG)
    for step in STEPS:
        with monkeypatch.context() as patch, pytest.raises(Stopped) as caught:
            at_step(patch, step, lambda step=step: ask_myself(SIGNALS[step % 2]))
            train(exp_dir)
        assert caught.value.step == step == state(exp_dir)["step"]
        assert max(row["step"] for row in history(exp_dir)) <= step if step > 1 else not history(exp_dir)
    train(exp_dir)
    assert_alike(exp_dir, unbroken)


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


def command(exp_dir, *words, rank=0, before=None):
    """The stage's command in a process group of its own; its output goes to <rank>.log."""

    def child():
        os.setsid()
        sys.stdout = sys.stderr = (exp_dir / f"{rank}.log").open("w", buffering=1)
        sys.argv = ["train", "--exp_dir", str(exp_dir), "--until", "final", "--num_workers", "0", *words]
        if before is not None:
            before()
        run(get_parser(), main)

    process = fork.Process(target=child)
    process.start()
    return process


def log_of(exp_dir, rank=0):
    return (exp_dir / f"{rank}.log").read_text()


def ended(*started, seconds=60):
    """Exit statuses, all of them there in time."""
    deadline = time.monotonic() + seconds
    for process in started:
        process.join(max(0.0, deadline - time.monotonic()))
    return [process.exitcode for process in started]


@pytest.mark.parametrize("seed", range(2))
def test_signals_to_the_whole_process_group_at_random_moments_lose_nothing(root, unbroken, seed):
    """Loader processes get them too, and live on until the step has its audio."""
    exp_dir, chance, codes = make_experiment(root, *LONG), random.Random(seed), []
    while not codes or codes[-1] == REQUEUE_CODE and len(codes) < 40:
        process = command(exp_dir, "--num_workers", "1")
        time.sleep(chance.uniform(0.5, 3.0))
        if process.is_alive():
            os.killpg(process.pid, chance.choice(SIGNALS))
        codes += ended(process)
    assert codes[-1] == 0 and set(codes) <= {0, REQUEUE_CODE}, log_of(exp_dir)
    assert_alike(exp_dir, unbroken)


def test_a_run_killed_at_any_moment_goes_on_from_the_last_checkpoint_of_the_clock(root, unbroken):
    exp_dir = make_experiment(root, *LONG)
    for step in (4, 5, 8):
        def dies(step=step):
            at_step(pytest.MonkeyPatch(), step, lambda: ask_myself(signal.SIGKILL))

        assert ended(command(exp_dir, "--save_interval_minutes", "1e-9", before=dies)) == [-signal.SIGKILL]
        assert state(exp_dir)["step"] == step - 1
    assert ended(command(exp_dir)) == [0]
    assert_alike(exp_dir, unbroken)


def test_without_the_clock_checkpoints_come_with_evaluations_alone(root):
    exp_dir = make_experiment(root, *LONG, "save_interval_minutes=0")

    def dies():
        at_step(pytest.MonkeyPatch(), 5, lambda: ask_myself(signal.SIGKILL))

    assert ended(command(exp_dir, before=dies)) == [-signal.SIGKILL]
    assert state(exp_dir)["step"] == 2


def pair(exp_dir, meeting, *befores, minutes="30"):
    """Two gloo processes of the real command; what each does first."""
    words = ["--save_interval_minutes", minutes, "--", "--multiprocessing_distributed", "false", "--dist_backend", "gloo",
             "--dist_init_method", f"file://{meeting}", "--dist_world_size", "2", "--dist_rank"]
    return [command(exp_dir, *words, str(rank), rank=rank, before=before) for rank, before in enumerate(befores)]


@pytest.fixture(scope="module")
def unbroken_pair(root):
    exp_dir = make_experiment(root, *LONG)
    assert ended(*pair(exp_dir, root / "meet", None, None)) == [0, 0]
    return exp_dir


def does(step, act):
    """A function that arranges it in a child."""
    return lambda: at_step(pytest.MonkeyPatch(), step, act)


def test_a_signal_to_one_process_of_two_stops_both_at_the_same_step(root, unbroken_pair, tmp_path):
    exp_dir = make_experiment(root, *LONG)
    for turn, (step, asked) in enumerate([(1, 1), (4, 0), (6, 1), (9, 1)]):
        befores = [does(step, ask_myself) if rank == asked else None for rank in range(2)]
        assert ended(*pair(exp_dir, tmp_path / f"meet{turn}", *befores)) == [REQUEUE_CODE] * 2, log_of(exp_dir, asked)
        assert state(exp_dir)["step"] == step
        assert f"stopped with a checkpoint at step {step}; the same command goes on" in log_of(exp_dir, 0)
        assert "stopped" not in log_of(exp_dir, 1)
    assert ended(*pair(exp_dir, tmp_path / "last", None, None)) == [0, 0]
    assert_alike(exp_dir, unbroken_pair)


@pytest.mark.parametrize(("killed", "minutes", "step"), [(0, "0", 2), (1, "1e-9", 3)])
def test_a_killed_process_ends_the_other_in_one_line_and_the_run_goes_on(
    root, unbroken_pair, tmp_path, killed, minutes, step
):
    exp_dir = make_experiment(root, *LONG)
    befores = [does(4, lambda: ask_myself(signal.SIGKILL)) if rank == killed else None for rank in range(2)]
    codes = ended(*pair(exp_dir, tmp_path / "first", *befores, minutes=minutes))
    assert state(exp_dir)["step"] == step
    assert (codes[killed], codes[1 - killed]) == (-signal.SIGKILL, 1)
    said = [line for line in log_of(exp_dir, 1 - killed).splitlines() if line.startswith("error:")]
    assert len(said) == 1 and "another process of this run has ended" in said[0] and "goes on" in said[0]
    assert "Traceback" not in log_of(exp_dir, 1 - killed)
    assert ended(*pair(exp_dir, tmp_path / "second", None, None)) == [0, 0]
    assert_alike(exp_dir, unbroken_pair)


def test_what_two_processes_began_one_may_end_and_the_other_way_round(root, tmp_path):
    exp_dir = make_experiment(root, *LONG)
    asked = does(4, ask_myself)
    assert ended(*pair(exp_dir, tmp_path / "first", None, asked)) == [REQUEUE_CODE] * 2
    assert ended(command(exp_dir, before=does(7, ask_myself))) == [REQUEUE_CODE]
    assert ended(*pair(exp_dir, tmp_path / "second", None, None)) == [0, 0]
    assert [row["step"] for row in history(exp_dir)] == [2, 2, 3, 6, 6, 8, 8, 9, 10, 10]


def test_a_process_that_falls_silent_is_given_up_after_the_stated_time(root, tmp_path, monkeypatch):
    """Stopped and not ended, as if its machine had lost its power: no connection is closed."""
    monkeypatch.setattr(processes, "PATIENCE", processes.timedelta(seconds=4))
    exp_dir = make_experiment(root, *LONG)
    silent = does(4, lambda: ask_myself(signal.SIGSTOP))
    first, second = pair(exp_dir, tmp_path / "meet", None, silent)
    try:
        assert ended(first) == [1]
        assert "was silent for 0:00:04" in log_of(exp_dir)
    finally:
        second.kill()
        second.join()


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


def test_with_both_damaged_or_a_checkpoint_of_no_use_the_run_stops_in_one_line(root, unbroken, tmp_path):
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
        lock = exp_dir / ".stages/training.lock"
        while not (lock.exists() and lock.read_text()):
            time.sleep(0.05)
        second = command(exp_dir, rank=1)
        assert ended(second) == [1]
        (line,) = [line for line in log_of(exp_dir, 1).splitlines() if line.startswith("error:")]
        assert f"{exp_dir}: another run trains here (host {os.uname().nodename}, process {sleeping.pid}, since " in line
    finally:
        sleeping.kill()
        sleeping.join()
    assert ended(command(exp_dir)) == [0]  # a kill leaves no lock
