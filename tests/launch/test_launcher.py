"""local/launch/run.py keeps the contract of Kaldi's run.pl."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "local/launch/run.py"
ECHO = (sys.executable, "-c", "import sys; print(*sys.argv[1:], sep='|')")


@pytest.fixture
def launch(tmp_path):
    def run(*words, **environment):
        return subprocess.run([sys.executable, LAUNCHER, *words], cwd=tmp_path, capture_output=True, text=True,
                              env={**os.environ, **environment}, timeout=60)

    return run


def body(log):
    """What the command itself wrote."""
    return [line for line in log.read_text().splitlines() if not line.startswith("#")]


def test_job_is_replaced_in_log_and_arguments(launch, tmp_path):
    assert launch("JOB=1:3", "log/a.JOB.log", *ECHO, "in.JOB", "JOB_of_JOB").returncode == 0
    for job in (1, 2, 3):
        assert body(tmp_path / f"log/a.{job}.log") == [f"in.{job}|{job}_of_{job}"]


def test_a_log_tells_command_times_and_status(launch, tmp_path):
    launch("one.log", *ECHO, "x")
    text = (tmp_path / "one.log").read_text()
    assert text.startswith(f"# {sys.executable} -c ")
    assert re.search(r"^# Started at .+\n#\nx\n# Accounting: time=\d+ .*\n# Ended \(code 0\) at .+$", text, re.M)


def test_arguments_stay_literal(launch, tmp_path):
    hostile = ["a b", "$(touch bad)", "`touch bad`", "it's", '"', "*", "; touch bad", "", "\\", "ä", "--gpu", "JO B"]
    launch("one.log", *ECHO, *hostile)
    assert body(tmp_path / "one.log") == ["|".join(hostile)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.log"]


def test_kaldi_options_are_accepted_around_the_job_range(launch, tmp_path):
    result = launch("--mem", "4G", "--max-jobs-run", "2", "--num-threads", "1", "--config", "conf/x", "JOB=1:2",
                    "--time", "1:00:00", "a.JOB.log", *ECHO, "JOB")
    assert result.returncode == 0, result.stderr
    assert body(tmp_path / "a.2.log") == ["2"]


def test_a_failure_names_log_and_last_line(launch, tmp_path):
    script = "import sys; print('fine'); (JOB == 2) and sys.exit('job JOB: no such file')"
    result = launch("JOB=1:3", "a.JOB.log", sys.executable, "-c", script)
    assert result.returncode == 1
    assert result.stderr.splitlines() == ["run.py: a.2.log: job 2: no such file", "run.py: 1 of 3 jobs failed."]
    assert "# Ended (code 1)" in (tmp_path / "a.2.log").read_text()
    assert "# Ended (code 0)" in (tmp_path / "a.3.log").read_text()


def test_a_missing_command_fails_as_a_job(launch, tmp_path):
    result = launch("JOB=1:2", "a.JOB.log", "no-such-command")
    assert result.returncode == 1
    assert "a.1.log: no-such-command: No such file or directory" in result.stderr


@pytest.mark.parametrize(("words", "part"), [
    (["JOB=1:3", "a.log", "true"], "Put JOB into its name"),
    (["a.log"], "expected: run.py"),
    ([], "expected: run.py"),
    (["--gpu", "two", "a.log", "true"], "--gpu two: expected a whole number"),
])
def test_a_bad_request_is_refused(launch, words, part):
    result = launch(*words)
    assert result.returncode == 1 and part in result.stderr and result.stderr.count("\n") == 1


def test_a_single_job_is_shown_as_well_as_logged(launch, tmp_path):
    assert launch("one.log", *ECHO, "progress").stderr == "progress\n"


def test_cores_are_shared_among_the_jobs(launch, tmp_path):
    cores = len(os.sched_getaffinity(0))
    show = (sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])")
    environment = dict(os.environ)
    environment.pop("OMP_NUM_THREADS", None)
    for words, expected in (((), cores), ((f"JOB=1:{2 * cores}",), 1), (("--max-jobs-run", "1", "JOB=1:2"), cores)):
        subprocess.run([sys.executable, LAUNCHER, *words, "a.JOB.log", *show], cwd=tmp_path, env=environment,
                       check=True, capture_output=True)
        log = tmp_path / ("a.1.log" if words else "a.JOB.log")
        assert body(log) == [str(expected)]
    assert launch("a.log", *show, OMP_NUM_THREADS="7").stderr == "7\n"


def test_never_more_jobs_at_once_than_allowed(launch, tmp_path):
    script = "import glob, os, time; open('in.JOB', 'w'); time.sleep(0.2); print(len(glob.glob('in.*')))" \
             "; os.remove('in.JOB')"
    assert launch("--max-jobs-run", "1", "JOB=1:3", "a.JOB.log", sys.executable, "-c", script).returncode == 0
    assert [body(tmp_path / f"a.{job}.log") for job in (1, 2, 3)] == [["1"]] * 3


def test_gpus_are_dealt_out_and_zero_hides_them(launch, tmp_path):
    show = (sys.executable, "-c", "import os; print(os.environ['CUDA_VISIBLE_DEVICES'] or 'none')")
    launch("--gpu", "1", "JOB=1:2", "a.JOB.log", *show, CUDA_VISIBLE_DEVICES="4,6")
    assert sorted(body(tmp_path / f"a.{job}.log")[0] for job in (1, 2)) in (["4", "6"], ["4", "4"], ["6", "6"])
    assert launch("--gpu", "0", "a.log", *show, CUDA_VISIBLE_DEVICES="4,6").stderr == "none\n"
    assert "this machine offers 2" in launch("--gpu", "3", "a.log", *show, CUDA_VISIBLE_DEVICES="4,6").stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_launcher_leaves_no_children(tmp_path, number):
    script = "echo $$ > pid.JOB; sleep 60 & echo $! >> pid.JOB; wait"
    process = subprocess.Popen([sys.executable, LAUNCHER, "JOB=1:2", "a.JOB.log", "bash", "-c", script], cwd=tmp_path,
                               stderr=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "pid.1").exists() and (tmp_path / "pid.1").read_text().count("\n") == 2)
    process.send_signal(number)
    assert process.wait(timeout=20) == 128 + number
    for pid in (tmp_path / "pid.1").read_text().split():
        assert not alive(int(pid))


def test_a_launcher_stopped_while_it_starts_its_jobs_leaves_none(tmp_path):
    for attempt in range(8):
        script = f"echo $$ > pid.{attempt}.JOB; exec sleep 60"
        process = subprocess.Popen([sys.executable, LAUNCHER, "JOB=1:4", f"{attempt}.JOB.log", "bash", "-c", script],
                                   cwd=tmp_path, stderr=subprocess.DEVNULL)
        wait_for((tmp_path / f"{attempt}.1.log").exists)  # its command may or may not have begun
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in (128 + signal.SIGTERM, 85)  # 85: none had begun, the same command goes on
    assert not [path for path in tmp_path.glob("pid.*") if path.read_text() and alive(int(path.read_text()))]


def wait_for(happened):
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def alive(pid):
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


TRAINING = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(85))
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(85))
open("ready.JOB", "w")
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_signal_reaches_trainings_and_their_requeue_code_is_passed_on(tmp_path, number, jobs):
    process = subprocess.Popen([sys.executable, LAUNCHER, f"JOB=1:{jobs}", "a.JOB.log", sys.executable, "-c", TRAINING],
                               cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: all((tmp_path / f"ready.{job}").exists() for job in range(1, 1 + min(jobs, 2))))
    process.send_signal(number)
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 85
    assert ("2 of 2 jobs stopped with a checkpoint; the same command goes on." in said) == (
        jobs == 2 and number == signal.SIGUSR1)
    assert "failed" not in said


@pytest.mark.parametrize("other", ["exit 3", "no-such-command"])
def test_a_job_that_failed_beside_one_that_stopped_is_a_failure(launch, tmp_path, other):
    (tmp_path / "job.1").write_text("#!/bin/sh\nexit 85\n")
    (tmp_path / "job.1").chmod(0o755)
    if other != "no-such-command":
        (tmp_path / "job.2").write_text(f"#!/bin/sh\n{other}\n")
        (tmp_path / "job.2").chmod(0o755)
    result = launch("JOB=1:2", "a.JOB.log", "./job.JOB")
    assert result.returncode == 1 and "2 of 2 jobs failed" in result.stderr
