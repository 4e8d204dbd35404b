"""One job of slurm.py, on the node where Slurm started it:  slurm_task.py FOLDER

FOLDER/request.json holds the words. The output goes to the log; the exit status to FOLDER/<job>.<number>.status when
the command ended by itself. When Slurm ended it (time limit, scancel, preemption) there is none, for Slurm knows why.
A job that stopped with a checkpoint is put back into the queue, and later goes on in the same log, unless somebody
cancelled it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where PYTHONSAFEPATH leaves it out
from process_tree import ask_to_end
from request import STOPPED_WITH_CHECKPOINT, Request, log_head, log_tail

FORWARDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)
MESSAGE_SECONDS = 3.0  # Slurm writes why it ends a job at about the time it signals it
# slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-21T19:23:21 DUE TO TIME LIMIT ***
ENDED_BY_SLURM = re.compile(rb"\*\*\* JOB \d+ ON \S+ CANCELLED AT \S+ (?:DUE TO ([^*\n]+) )?\*\*\*")


def ended_by_slurm(begin: int) -> str | None:
    """Why, from what Slurm wrote to the job's own output after ``begin``; empty when somebody cancelled it."""
    with open("/proc/self/fd/2", "rb") as output:
        output.seek(begin)
        reasons = ENDED_BY_SLURM.findall(output.read())
    return reasons[-1].decode() if reasons else None


def environment(request: Request) -> dict[str, str]:
    """Threads by the cores of the allocation; srun would forget them."""
    cores = os.environ.get("SLURM_CPUS_PER_TASK")
    values = {"OMP_NUM_THREADS": cores or "1", **os.environ}
    values |= {"SRUN_CPUS_PER_TASK": cores} if cores else {}
    return values | ({"CUDA_VISIBLE_DEVICES": ""} if request.options.get("gpu") == "0" else {})


def run(request: Request, number: int, signals: list[int]) -> int:
    """The command, with its output in the log; after a requeue behind what is there."""
    log, command, start = request.log_of(number), request.command_of(number), time.time()
    log.parent.mkdir(parents=True, exist_ok=True)
    again = int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0
    with open(log, "ab" if again else "wb", buffering=0) as file:
        file.write(log_head(command, start))
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                       env=environment(request))
        except OSError as error:
            file.write(f"{command[0]}: {error.strerror}\n".encode())
            code = 127
        else:
            code = wait(process, signals)
        file.write(log_tail(code, start, int(os.environ.get("SLURM_CPUS_PER_TASK", "1"))))
        os.fsync(file.fileno())
    return code


def wait(process: subprocess.Popen, signals: list[int]) -> int:
    """Its exit status; what Slurm sends to this process meanwhile is passed on."""
    passed_on = 0
    while True:
        while passed_on < len(signals):
            ask_to_end(process.pid, signals[passed_on])
            passed_on += 1
        try:
            code = process.wait(timeout=0.2)
            return code if code >= 0 else 128 - code
        except subprocess.TimeoutExpired:
            pass


def reason_of(begin: int, signals: list[int]) -> str | None:
    """As ended_by_slurm, for a job that failed; the message may come after the signal."""
    deadline = time.monotonic() + (MESSAGE_SECONDS if signal.SIGTERM in signals else 0)
    while (reason := ended_by_slurm(begin)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return reason


def requeued(folder: Path, reason: str | None) -> bool:
    """Whether Slurm takes the job again; never one that was cancelled, by the launcher or with scancel."""
    if reason == "" or (folder / "cancelled").exists():
        return False
    return subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], capture_output=True,
                          stdin=subprocess.DEVNULL, check=False).returncode == 0


def main() -> None:
    signals: list[int] = []
    for number in FORWARDED:
        if signal.getsignal(number) == signal.SIG_IGN:
            continue
        signal.signal(number, lambda received, _frame: signals.append(received))
    begin, folder = os.fstat(2).st_size, Path(sys.argv[1])
    words = json.loads((folder / "request.json").read_text())
    request = Request(**{**words, "numbers": range(*words["numbers"])})
    number = int(os.environ.get("SLURM_ARRAY_TASK_ID", request.numbers[0]))
    job = os.environ.get("SLURM_ARRAY_JOB_ID", os.environ["SLURM_JOB_ID"])
    (folder / f"{job}.begun").touch()  # for a launcher that sbatch did not tell the number
    code = run(request, number, signals)
    if code:
        reason = reason_of(begin, signals)
        again = code == STOPPED_WITH_CHECKPOINT and request.options.get("requeue") != "false"
        if again and requeued(folder, reason) or reason is not None:
            sys.exit(code)
    status = folder / f"{job}.{number}.status"
    part = status.with_suffix(".part")
    part.write_text(f"{code}\n")
    part.rename(status)
    sys.exit(code)


if __name__ == "__main__":
    main()
