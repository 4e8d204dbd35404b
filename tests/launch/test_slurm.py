"""local/launch/slurm.py keeps the contract of Kaldi's slurm.pl on a real Slurm, started here."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import cluster as slurm

LOCAL = Path(__file__).parents[2] / "local/launch"
ECHO = (sys.executable, "-c", "import sys; print(*sys.argv[1:], sep='|')")
# Exits with 85 when told to stop, as a training does; in its second life at once and well.
TRAINING = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(85))
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(85))
if os.environ.get("SLURM_RESTART_COUNT", "0") != "0":
    sys.exit(print("went on"))
open("ready" + os.environ["SLURM_PROCID"], "w").close()
time.sleep(60)
"""
pytestmark = pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())


@pytest.fixture(scope="module")
def cluster():
    started = slurm.start_or_skip()
    yield started
    started.stop()


@pytest.fixture
def start(cluster, tmp_path):
    """Begin a launcher in the test's folder."""
    begun = []

    def run(*words, folder=tmp_path, **environment):
        process = subprocess.Popen([sys.executable, LOCAL / "slurm.py", *words], cwd=folder, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**cluster.environment, **environment})
        begun.append(process)
        return process

    yield run
    for process in begun:
        process.kill()


@pytest.fixture
def launch(start):
    """A launcher that ends by itself: its status, and what it said after the number of its job."""
    return lambda *words, **environment: end(start(*words, **environment))


def end(process):
    _, said = process.communicate(timeout=90)
    return process.returncode, [line for line in said.splitlines() if "To end it: scancel" not in line]


@pytest.fixture(scope="module")
def out_of_time(cluster, tmp_path_factory):
    """A launcher whose job has reached its time limit: Slurm looks every 30 s, so it begins before the others."""
    folder = tmp_path_factory.mktemp("time")
    command = [sys.executable, LOCAL / "slurm.py", "--time", "5", "JOB=1:1", "a.JOB.log", "sleep", "90"]
    process = subprocess.Popen(command, cwd=folder, text=True, stderr=subprocess.PIPE, env=cluster.environment)
    job = job_of(folder, "a.JOB.log")
    wait_for(lambda: "RUNNING" in cluster.ask("squeue", "-h", "-j", job, "-o", "%T"))
    time.sleep(1.1)  # it must be later than its start, in whole seconds
    cluster.call("scontrol", "update", f"jobid={job}", "EndTime=now")
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def _early(out_of_time):
    """Whatever test comes first starts it."""


def job_of(folder, log):
    """The number that Slurm gave to the job with this log."""
    record = folder / f"{log}.slurm/job"
    wait_for(lambda: record.exists() and record.read_text())
    return record.read_text()


def body(log):
    return [line for line in log.read_text().splitlines() if not line.startswith("#")]


def hurry(cluster, job):
    """Begin the next life of a job, two minutes earlier than Slurm does; in the second of its last it is not let in."""
    log = cluster.folder / "slurmctld.log"
    wait_for(lambda: f"Requeuing JobId={job}" in log.read_text())
    time.sleep(1.1)
    numbers = cluster.ask("squeue", "-h", "-r", "-j", job, "-o", "%i").split()
    cluster.call("scontrol", "update", f"jobid={numbers[0]}", "StartTime=now")


def wait_for(happened):
    deadline = time.monotonic() + 40
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_array_replaces_job_and_keeps_every_word_as_it_is(launch, tmp_path):
    hostile = ["a b", "$(touch bad)", "`touch bad`", "it's", '"', "*", "; touch bad", "", "\\", "ä", "--gpu", "-n"]
    assert launch("JOB=1:3", "log $(touch bad)/a%j.JOB.log", *ECHO, "in.JOB", *hostile, "two\nlines") == (0, [])
    for job in (1, 2, 3):
        log = tmp_path / f"log $(touch bad)/a%j.{job}.log"
        assert body(log) == [f"in.{job}|{'|'.join(hostile)}|two", "lines"]
        assert log.read_text().startswith("# ") and "\n# Ended (code 0) at " in log.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["log $(touch bad)"]


def test_failures_name_log_and_last_line_and_the_others_end_well(launch, tmp_path):
    script = "import sys; print('fine'); (JOB == 2) and sys.exit('job JOB: no such file')"
    assert launch("JOB=1:3", "a.JOB.log", sys.executable, "-c", script) == (
        1, ["slurm.py: a.2.log: job 2: no such file", "slurm.py: 1 of 3 jobs failed."])
    assert "# Ended (code 1)" in (tmp_path / "a.2.log").read_text()
    assert "# Ended (code 0)" in (tmp_path / "a.3.log").read_text()
    assert launch("JOB=1:1", "b.JOB.log", "no-such-command") == (
        1, ["no-such-command: No such file or directory", "slurm.py: the job failed; its log: b.1.log"])


def test_a_single_job_is_shown_as_well_as_logged_and_gets_the_cores_it_asked_for(launch):
    show = (sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['CUDA_VISIBLE_DEVICES'])")
    assert launch("--num_threads", "2", "--gpu", "0", "--mem", "100M", "one.log", *show) == (0, ["2 "])


def test_never_more_jobs_at_once_than_allowed(launch, tmp_path):
    script = "import glob, os, time; open('in.JOB', 'w'); time.sleep(0.3); print(len(glob.glob('in.*')))" \
             "; os.remove('in.JOB')"
    assert launch("--max-jobs-run", "1", "JOB=1:2", "a.JOB.log", sys.executable, "-c", script) == (0, [])
    assert [body(tmp_path / f"a.{job}.log") for job in (1, 2)] == [["1"]] * 2


@pytest.mark.parametrize(("words", "part"), [
    (("--partition", "none", "a.log", "true"), "sbatch refused the job: sbatch: error: invalid partition"),
    (("--no-such-option", "1", "a.log", "true"), "sbatch: unrecognized option '--no-such-option=1'"),
    (("JOB=1:9999", "a.JOB.log", "true"), "Invalid job array specification"),
    (("JOB=1:3", "a.log", "true"), "Put JOB into its name"),
])
def test_what_slurm_refuses_is_said_in_one_line(launch, words, part):
    status, said = launch(*words)
    assert status == 1 and len(said) == 1 and part in said[0]


def test_without_sbatch_the_launcher_says_what_to_do(launch, tmp_path):
    assert launch("a.log", "true", PATH=str(tmp_path)) == (
        1, ["slurm.py: sbatch is not on the PATH. Start this on a machine of the cluster, or set cmd_backend=local."])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_launcher_that_is_stopped_cancels_its_array(start, cluster, tmp_path, number):
    process = start("JOB=1:2", "a.JOB.log", "bash", "-c", "echo $$ > pid.JOB; sleep 60")
    job = job_of(tmp_path, "a.JOB.log")
    wait_for(lambda: all((tmp_path / f"pid.{each}").exists() for each in (1, 2)))
    process.send_signal(number)
    status, said = end(process)
    assert (status, said) == (128 + number, [f"slurm.py: a.JOB.log: cancelled job {job}"])
    wait_for(lambda: not cluster.ask("squeue", "-h", "-j", job).strip())
    assert not any(slurm.alive(int((tmp_path / f"pid.{each}").read_text())) for each in (1, 2))


def test_an_array_cancelled_by_somebody_else_fails_and_says_so(start, cluster, tmp_path):
    process = start("JOB=1:2", "a.JOB.log", "bash", "-c", "touch in.JOB; [ JOB = 2 ] || sleep 60")
    job = job_of(tmp_path, "a.JOB.log")
    wait_for(lambda: (tmp_path / "in.1").exists() and (tmp_path / f"a.JOB.log.slurm/{job}.2.status").exists())
    cluster.call("scancel", job)
    assert end(process) == (1, ["slurm.py: a.1.log: was cancelled (scancel).", "slurm.py: 1 of 2 jobs failed."])


def test_a_cancelled_training_leaves_its_checkpoint_and_does_not_come_back(start, cluster, tmp_path):
    process = start("train.log", sys.executable, "-c", TRAINING)
    wait_for((tmp_path / "ready0").exists)
    cluster.call("scancel", job_of(tmp_path, "train.log"))
    assert end(process) == (1, ["slurm.py: train.log: was cancelled (scancel)."])
    assert "# Ended (code 85)" in (tmp_path / "train.log").read_text()
    assert cluster.ask("squeue", "-h", "-n", "train").strip() == ""


@pytest.mark.parametrize(("how", "above"), [
    ("signal", ("bash", "-c", '"$@"; exit $?', "_")),
    ("signal", ("srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--wait=20")),
    ("requeue", ()),
], ids=["signal through a shell", "signal on two nodes", "requeue"])
def test_a_training_that_must_make_room_goes_on_in_the_same_log(start, cluster, tmp_path, how, above):
    """Told by Slurm ahead of the time limit (--signal=B:USR1@...), or by Slurm taking its node."""
    nodes = 2 if "srun" in above else 1
    process = start("--requeue", "true", "--num-nodes", str(nodes), "train.log", *above, sys.executable, "-c", TRAINING)
    job = job_of(tmp_path, "train.log")
    wait_for(lambda: all((tmp_path / f"ready{node}").exists() for node in range(nodes)))
    cluster.call(*(("scancel", "--signal=USR1", "--batch") if how == "signal" else ("scontrol", "requeue")), job)
    hurry(cluster, job)
    status, said = end(process)
    assert (status, said[-nodes:]) == (0, ["went on"] * nodes)
    log = (tmp_path / "train.log").read_text()
    assert log.count("# Started at") == 2 and log.rstrip().splitlines()[-1].startswith("# Ended (code 0)")
    assert log.count("# Ended (code 85)") == 1


def test_a_launcher_inside_a_job_begins_jobs_of_its_own(launch, tmp_path):
    inner = (sys.executable, str(LOCAL / "slurm.py"), "--num-threads", "2", "JOB=1:1", "inner.JOB.log", *ECHO, "JOB")
    assert launch("--mem", "100M", "outer.log", *inner)[0] == 0
    assert body(tmp_path / "inner.1.log") == ["1"]


def test_where_jobs_may_not_come_back_the_stopped_training_is_told(launch):
    assert launch("--requeue", "false", "JOB=1:2", "a.JOB.log", "bash", "-c", "exit 85") == (
        85, ["slurm.py: 2 of 2 jobs stopped with a checkpoint; the same command goes on."])


def test_jobs_that_an_earlier_launcher_left_behind_are_waited_for(start, cluster, tmp_path):
    killed = start("a.log", "bash", "-c", "touch ready; sleep 60")
    job = job_of(tmp_path, "a.log")
    wait_for((tmp_path / "ready").exists)
    killed.kill()
    second = start("a.log", *ECHO, "second")
    assert second.stderr.readline().endswith(f"waiting for job {job} of an earlier call. To end it: scancel {job}\n")
    cluster.call("scancel", job)
    assert end(second) == (0, ["second"])


def test_files_that_another_machine_shows_late_are_waited_for(start, tmp_path):
    """A job that kills its own runner leaves neither status nor end of the log; the test brings both, as NFS would."""
    process = start("JOB=1:2", "a.JOB.log", "bash", "-c", "[ JOB = 2 ] || { touch ready; kill -9 $PPID; }")
    job = job_of(tmp_path, "a.JOB.log")
    wait_for((tmp_path / "ready").exists)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=4)
    (tmp_path / f"a.JOB.log.slurm/{job}.1.status").write_text("0\n")
    with open(tmp_path / "a.1.log", "a") as log:
        log.write("# Ended (code 0) at last\n")
    assert end(process) == (0, [])


def test_a_job_that_leaves_no_status_has_failed(cluster, tmp_path):
    hurry = f"import sys; sys.path.insert(0, {str(LOCAL)!r}); import slurm; slurm.LATE_SECONDS = 1; slurm.main()"
    done = subprocess.run([sys.executable, "-c", hurry, "a.log", "bash", "-c", "kill -9 $PPID"], cwd=tmp_path,
                          text=True, capture_output=True, env=cluster.environment, timeout=60, check=False)
    assert done.returncode == 1
    assert "a.log: ended (" in done.stderr and "left no status within 1 s; see a.log.slurm" in done.stderr


def test_a_job_at_its_time_limit_fails_and_says_so(out_of_time):
    said = ["slurm.py: a.1.log: ran into its time limit. Ask for more with --time, see cmd.sh."]
    assert end(out_of_time) == (1, said)


def test_a_failed_job_that_slurm_takes_back_by_itself_has_not_failed(start, cluster, tmp_path):
    """Its node is lost: the runner there may still have left a status before Slurm knew."""
    script = "touch ready; [ -n \"$SLURM_RESTART_COUNT\" ] || sleep 60"
    process = start("JOB=1:1", "a.JOB.log", "bash", "-c", script)
    job = job_of(tmp_path, "a.JOB.log")
    wait_for((tmp_path / "ready").exists)
    (tmp_path / f"a.JOB.log.slurm/{job}.1.status").write_text("3\n")
    cluster.call("scontrol", "requeue", f"{job}_1")
    hurry(cluster, job)
    assert end(process) == (0, [])


@pytest.mark.parametrize(("message", "reason"), [
    ("CANCELLED AT 2026-11-21T19:23:21 ***", ""),
    ("CANCELLED AT 2026-11-21T19:23:21 DUE TO TIME LIMIT ***", "TIME LIMIT"),
    ("CANCELLED AT 2026-11-21T19:23:21 DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS ***",
     "NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS"),
])
def test_slurms_own_words_tell_why_it_ended_a_job(message, reason, monkeypatch):
    monkeypatch.syspath_prepend(str(LOCAL))
    from slurm_task import ENDED_BY_SLURM

    line = f"slurmstepd-n1: error: *** JOB 12 ON n1 {message}\n".encode()
    assert ENDED_BY_SLURM.findall(line) == [reason.encode()]
