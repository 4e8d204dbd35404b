"""A training as several processes: their numbers, their signals, their end; and two nodes of a real Slurm."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from espnet_bljust.errors import InputError
from espnet_bljust.training import nodes
from tests.helpers import cluster as slurm
from tests.helpers.experiment import assert_close_runs, make_experiment, train

ROOT = Path(__file__).parents[2]
TASK = {"SLURM_STEP_NUM_NODES": "3", "SLURM_NTASKS": "3", "SLURM_NODEID": "2", "SLURM_JOB_ID": "2000",
        "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.7"}  # what srun tells the task on the last of three nodes


def start(script, *, ngpu=2, num_nodes=1, **environment):
    """nodes.start with a Python script as the training, in a process of its own."""
    grace = environment.pop("grace", 60)
    code = ("import sys; from espnet_bljust.training import nodes; nodes.GRACE_SECONDS = float(sys.argv[1]); "
            "sys.exit(nodes.start([sys.executable, '-c', sys.argv[2]], int(sys.argv[3]), int(sys.argv[4])))")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "MASTER_"))}
    return subprocess.Popen([sys.executable, "-c", code, str(grace), script, str(ngpu), str(num_nodes)], text=True,
                            stdout=subprocess.PIPE, env={**kept, "PYTHONPATH": str(ROOT), **environment})


def test_processes_are_numbered_over_all_nodes_as_torchrun_does():
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS")
    script = f"import os; os.write(1, (' '.join(map(os.environ.get, {names})) + chr(10)).encode())"
    process = start(script, num_nodes=3, OMP_NUM_THREADS="6", **TASK)
    rows = sorted(line.split() for line in process.communicate(timeout=30)[0].splitlines())
    port = str(15000 + 8 * 2000 % 15000)
    assert rows == [[rank, local, "6", "10.0.0.7", port, "3"] for rank, local in (("4", "0"), ("5", "1"))]
    assert process.returncode == 0


def test_a_job_that_comes_back_meets_at_another_port_and_a_users_choice_stands():
    first, again = (nodes.meeting_point(3, {**TASK, "SLURM_RESTART_COUNT": count}) for count in ("0", "1"))
    assert first[2] != again[2]
    assert nodes.meeting_point(3, {**TASK, "MASTER_ADDR": "here", "MASTER_PORT": "7"}) == (2, "here", 7)


@pytest.mark.parametrize("wrong", [{}, {"SLURM_NTASKS": "6"}, {"SLURM_STEP_NUM_NODES": "2"}])
def test_several_nodes_without_srun_are_refused(wrong):
    with pytest.raises(InputError, match="srun has to start this command once on every node"):
        nodes.meeting_point(3, {**TASK, **wrong} if wrong else {})


def test_torchruns_processes_are_taken_as_they_are(monkeypatch):
    assert nodes.must_start(2, 1) and nodes.must_start(0, 2) and not nodes.must_start(1, 1)
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "4")):
        monkeypatch.setenv(name, value)
    assert not nodes.must_start(2, 2) and not nodes.is_first()
    assert nodes.worker_words(2)[:2] == ["--ngpu", "1"] and nodes.worker_words(2)[-1] == "nccl"
    assert nodes.worker_words(0)[:2] == ["--ngpu", "0"] and nodes.worker_words(0)[-1] == "gloo"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_reaches_every_process_and_stopping_is_told_by_85(number):
    script = f"""
import os, signal, sys, time
signal.signal({int(number)}, lambda *_: sys.exit(85))
os.write(1, b"ready\\n")
time.sleep(30)
"""
    process = start(script)
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
    process.send_signal(number)
    assert process.wait(timeout=20) == 85


def test_a_lost_process_ends_the_others_and_its_status_is_told():
    script = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it hangs in a collective
os.write(1, b"%d\\n" % os.getpid())
if os.environ["RANK"] == "1":
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60)
"""
    process = start(script, ngpu=3, grace=1)
    begin = time.monotonic()
    pids = [int(line) for line in process.communicate(timeout=40)[0].split()]
    assert process.returncode == 128 + signal.SIGKILL and time.monotonic() - begin < 30
    assert not any(slurm.alive(pid) for pid in pids)


STILL = ("trunk_conf.dropout=0.0", "trunk_conf.attention_dropout=0.0", "trunk_conf.feature_dropout=0.0",
         "trunk_conf.projection_dropout=0.0", "train_dtype=float64", "optim=sgd", "optim_conf={}",
         "plan_conf.final_scale=1.0")  # fmt: skip


@pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())
def test_a_training_on_two_nodes_of_slurm_equals_one_on_one_process(tmp_path):
    """Weights, and what both log of gamma and both pulls, to rounding in float64, as test_training.py has it."""
    torch.set_num_threads(1)
    one, two = make_experiment(tmp_path, *STILL), make_experiment(tmp_path, *STILL)
    cluster = slurm.start_or_skip()
    try:
        command = [sys.executable, ROOT / "local/launch/slurm.py", "--gpu", "0", "--num-nodes", "2",
                   tmp_path / "train.log",
                   "srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--wait=120",
                   sys.executable, "-m", "espnet_bljust.bin.train", "--exp_dir", two, "--num_nodes", "2",
                   "--until", "final", "--ngpu", "0", "--num_workers", "0"]
        environment = {**cluster.environment, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(list(map(str, command)), env=environment, stderr=subprocess.PIPE, text=True)
        train(one)
        said = process.communicate(timeout=240)[1]
    finally:
        cluster.stop()
    assert process.returncode == 0, said
    assert said.rstrip().splitlines()[-1].startswith(f"{two}: 2 final steps, dev CER ")
    assert_close_runs(two, one)
