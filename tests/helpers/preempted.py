"""Real trainings in real processes with real signals, and what must be alike afterwards."""

import os
import signal
import sys
import time

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from espnet_bljust.bin.train import get_parser, main
from espnet_bljust.command import run
from espnet_bljust.training.stopping import listening
from espnet_bljust.training.update import Updater
from tests.helpers.experiment import history

# Ten steps: exploration 1, 2, 5, 6, joint 3, 4, 7, 8, final 9, 10; evaluated after 2, 6, 8, 10, a row at 3 and these.
LONG = ("steps_per_epoch=4", "log_interval=3", "plan_conf.gamma_unit=balanced", "plan_conf.reset_moments=[eta]")
STEPS = range(1, 11)
fork = torch.multiprocessing.get_context("fork")


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


def curves(exp_dir):
    """What TensorBoard shows of the CTC loss."""
    events = EventAccumulator(str(exp_dir / "tensorboard"))
    events.Reload()
    return [(name, event.step, event.value) for name in ("train/ctc", "valid/ctc") for event in events.Scalars(name)]


def next_second():
    """Wait until the clock shows another one."""
    time.sleep(1 - time.time() % 1)


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


def command(exp_dir, *words, rank=0, before=None):
    """The stage's command in a process group of its own; its output goes to <rank>.log."""

    def child():
        os.setsid()
        sys.stdout = sys.stderr = (exp_dir / f"{rank}.log").open("w", buffering=1)
        sys.argv = ["train", "--exp_dir", str(exp_dir), "--until", "final", "--num_workers", "0", *words]
        if before is not None:
            before()
        with listening(signal.SIG_IGN):
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


def does(step, act):
    """A function that arranges it in a child."""
    return lambda: at_step(pytest.MonkeyPatch(), step, act)


def holding(exp_dir, process):
    """Wait until the process has its experiment; false where it ended before."""
    lock = exp_dir / ".stages/training.lock"
    while process.is_alive():
        if lock.exists() and f"process {process.pid}," in lock.read_text():
            return True
        time.sleep(0.02)
    return False
