"""What surrounds a launcher: nohup, a terminal that closes, and the answers of Slurms that differ from the usual."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LOCAL = Path(__file__).parents[2] / "local/launch"
# Exits with 85 when told to stop, as a training does.
TRAINING = """
import signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(85))
open("ready", "w").close()
time.sleep(60)
"""
# Gives the job a number, and starts what it is to run with what it lets through; FAKE says what is odd about it.
SBATCH = """#!{python}
import os, subprocess, sys
words, fake = sys.argv[1:], os.environ["FAKE"]
with open("asked", "a") as asked:
    print(*(word for word in words if word.startswith("--job-name")), file=asked)
options = [word for word in words if word.startswith("--")]
clean = os.environ.get("SBATCH_EXPORT") == "NONE" or "--export=ALL" not in options
environment = {{"PATH": "/usr/bin:/bin"}} if clean else dict(os.environ)
if fake != "refuses":
    subprocess.Popen(words[len(options):], env=environment | {{"SLURM_JOB_ID": "77"}}, start_new_session=True,
                     stdout=subprocess.DEVNULL, stderr=open("job.err", "w"))
if fake in ("late", "refuses"):
    sys.exit("sbatch: error: " + ("Socket timed out on send/recv operation" if fake == "late" else "Invalid partition"))
print({{"banner": "Welcome, 3 nodes are down\\n\\n77", "cluster": "77;north"}}.get(fake, "77"))
"""
SQUEUE = """#!{python}
import os, sys
if any(word.startswith("--name=") for word in sys.argv):
    sys.exit(print("77") if os.environ["FAKE"] == "late" else None)
assert ("--clusters=north" in sys.argv) == (os.environ["FAKE"] == "cluster"), sys.argv
print("CLUSTER: north\\nN/A COMPLETED None")
"""


@pytest.fixture
def slurm(tmp_path):
    """A launcher before a stand-in of Slurm that has one peculiarity; gives status and what was said."""
    for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text.format(python=sys.executable))
        (tmp_path / name).chmod(0o755)

    def slurm(fake, *command):
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "FAKE": fake, "MINE": "kept",
                       "SBATCH_EXPORT": "NONE", "PYTHONSAFEPATH": "1"}
        command = command or (sys.executable, "-c", "import os; print(os.environ['MINE'])")
        done = subprocess.run([sys.executable, LOCAL / "slurm.py", "one.log", *command], cwd=tmp_path, text=True,
                              capture_output=True, env=environment, timeout=60)
        return done.returncode, done.stderr

    return slurm


@pytest.mark.parametrize("fake", ["usual", "banner", "cluster", "late"])
def test_a_job_is_found_begun_once_and_given_the_environment(slurm, tmp_path, fake):
    code, said = slurm(fake)
    assert code == 0, said
    assert "job 77, tasks: 1. To end it: scancel " + "--clusters=north " * (fake == "cluster") + "77" in said
    assert "\nkept\n" in (tmp_path / "one.log").read_text()
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_a_job_that_is_refused_is_not_looked_for(slurm):
    code, said = slurm("refuses")
    assert (code, said) == (1, "slurm.py: sbatch refused the job: sbatch: error: Invalid partition\n")


def test_every_call_of_sbatch_has_a_name_of_its_own(slurm, tmp_path):
    slurm("usual"), slurm("usual")
    names = (tmp_path / "asked").read_text().splitlines()
    assert len(names) == len(set(names)) == 2 and all(name.startswith("--job-name=one.") for name in names)


@pytest.fixture
def hung_up(tmp_path):
    """The launcher of a training, started with SIGHUP as given; the status after a SIGHUP, or None when it goes on."""
    begun = []

    def hung_up(handler):
        process = subprocess.Popen([sys.executable, LOCAL / "run.py", "one.log", sys.executable, "-c", TRAINING],
                                   cwd=tmp_path, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: signal.signal(signal.SIGHUP, handler))
        begun.append(process)
        deadline = time.monotonic() + 30
        while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
        try:
            return process.wait(timeout=3 if handler == signal.SIG_IGN else 30)
        except subprocess.TimeoutExpired:
            return None

    yield hung_up
    for process in begun:
        if process.poll() is None:
            process.terminate()
            process.wait()


@pytest.mark.parametrize(("handler", "status"), [(signal.SIG_IGN, None), (signal.SIG_DFL, 85)], ids=["nohup", "plain"])
def test_a_closed_terminal_asks_for_a_checkpoint_but_not_under_nohup(hung_up, handler, status):
    assert hung_up(handler) == status


def test_slurms_launcher_does_not_wait_for_a_signal_that_came_ignored():
    """One that is ignored and blocked would still reach sigtimedwait."""
    program = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); sys.path.insert(0, sys.argv[1]); " \
              "import request; print(signal.SIGHUP in request.HEEDED, signal.SIGTERM in request.HEEDED)"
    done = subprocess.run([sys.executable, "-c", program, LOCAL], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
