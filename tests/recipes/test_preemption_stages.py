"""Through the real shell: a training that is asked to stop, and two runs in one experiment."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

PLAN = "plan_conf.exploration_steps=20 plan_conf.joint_steps=2 plan_conf.final_steps=2 steps_per_epoch=99"
SHORT = ("--asr_tag", "toy", "--asr_args", PLAN, "--num_workers", "0", "--save_interval_minutes", "0.001")


def test_a_second_run_in_an_experiment_is_refused_and_a_kill_leaves_no_lock(finished):
    folder = finished.folder / "exp/toy/.stages"
    folder.mkdir(parents=True)
    lock = folder / "run.lock"
    lock.write_text("host there, process 12, since 2026-01-02 03:04:05\n")
    holder = subprocess.Popen(["flock", lock, "sleep", "60"], start_new_session=True)
    time.sleep(0.5)
    output = finished.run("--stage", "7", "--stop_stage", "7", "--asr_tag", "toy", code=1)
    assert output.splitlines() == [
        "exp/toy: another run is at it (host there, process 12, since 2026-01-02 03:04:05). "
        "Wait until it ends, or stop it; for a second give --asr_tag."]
    os.killpg(holder.pid, signal.SIGKILL)  # flock has passed the lock on to sleep
    holder.wait()
    # takes the lock, and finds nothing to average
    output = finished.run("--stage", "11", "--stop_stage", "11", "--asr_tag", "toy", code=1)
    assert "history.jsonl is missing" in output
    assert re.fullmatch(r"host \S+, process \d+, since \d{4}(-\d\d){2} \d\d(:\d\d){2}\n", lock.read_text())


def launcher_of(folder):
    """Process number of the run.py that works in this folder."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if b"local/launch/run.py" in (path / "cmdline").read_bytes() and (path / "cwd").samefile(folder):
                return int(path.name)
        except OSError:
            continue
    return None


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_stage_that_was_asked_to_stop_ends_with_85_and_the_same_command_goes_on(finished, number):
    history = finished.folder / "exp/toy/history.jsonl"
    process = finished.start("--stage", "7", "--stop_stage", "8", *SHORT)
    while not (history.exists() and history.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    os.kill(launcher_of(finished.folder), number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 85, out + err
    assert "stage 8 exploration stopped with a checkpoint (status 85). The same command goes on." in err
    (step,) = re.findall(r"stopped with a checkpoint at step (\d+); the same command goes on", err)
    output = finished.run("--stage", "7", "--stop_stage", "8", *SHORT)
    assert f"going on from exp/toy/checkpoint.pth, step {step}" in output
    assert "exp/toy: 20 exploration steps, dev CER" in output
