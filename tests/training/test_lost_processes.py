"""One of several processes is asked to stop, killed, or falls silent: gloo processes of the real command."""

import signal

import pytest
import torch

from espnet_bljust.training import processes
from espnet_bljust.training.stopping import REQUEUE_CODE
from tests.helpers.experiment import history, make_experiment
from tests.helpers.preempted import LONG, ask_myself, assert_alike, command, does, ended, log_of, state


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("processes")


def pair(exp_dir, meeting, *befores, minutes="30"):
    """Two gloo processes of the real command; what each does first."""
    words = ["--save_interval_minutes", minutes, "--", "--multiprocessing_distributed", "false", "--dist_world_size",
             "2", "--dist_backend", "gloo", "--dist_init_method", f"file://{meeting}", "--dist_rank"]
    return [command(exp_dir, *words, str(rank), rank=rank, before=before) for rank, before in enumerate(befores)]


@pytest.fixture(scope="module")
def unbroken_pair(root):
    exp_dir = make_experiment(root, *LONG)
    assert ended(*pair(exp_dir, root / "meet", None, None)) == [0, 0]
    return exp_dir


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
