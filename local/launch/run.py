#!/usr/bin/env python3
"""Run a command, or N copies of it in parallel, on this machine, by the contract of Kaldi's run.pl.

    run.py [--gpu N] [--num-threads N] [--max-jobs-run N] [--other value ...] [JOB=1:N] LOG COMMAND [ARG ...]

JOB is replaced by the job's number in the log's name and in every argument; no shell ever reads the command.
At most as many jobs run at once as there are cores (or GPUs, with --gpu). OMP_NUM_THREADS, unless it is set,
shares the cores among them. --gpu 0 hides the GPUs. A single job's output is shown as well as logged.

SIGTERM, SIGUSR1 and SIGHUP (not under nohup) reach the jobs, which may end with status 85: stopped with a checkpoint,
the same command goes on. Where no job did worse, that is our status too.
"""

import os
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where PYTHONSAFEPATH leaves it out
from process_tree import ask_to_end, descendants, send
from request import (
    HEEDED,
    STOPPED_WITH_CHECKPOINT,
    Request,
    log_head,
    log_tail,
    parse,
    report,
    say,
    stop,
    whole,
)

# Between asking a job to end and killing it: a training ends its step and writes a checkpoint, unless it was Ctrl-C,
# which has reached the jobs too and ended them without.
GRACE_SECONDS = {signal.SIGINT: 10.0, signal.SIGTERM: 120.0, signal.SIGHUP: 120.0}


def gpus_here() -> list[str]:
    """The GPUs this process may use, as CUDA_VISIBLE_DEVICES names them."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name.strip()]
    try:
        lines = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(index) for index, line in enumerate(lines.splitlines()) if line.startswith("GPU ")]


class Slots:
    """How many jobs run at once, and which GPUs and threads each of them gets."""

    def __init__(self, options: dict[str, str], num_jobs: int) -> None:
        cores, threads = len(os.sched_getaffinity(0)), whole(options, "num-threads", 0)
        self.hide_gpus = options.get("gpu") == "0"
        per_job = whole(options, "gpu", 0)
        gpus = gpus_here() if per_job else []
        self.free_gpus = [gpus[i : i + per_job] for i in range(0, len(gpus) - per_job + 1, per_job)] if per_job else []
        if gpus and not self.free_gpus:
            stop(f"--gpu {per_job}: this machine offers {len(gpus)}. Ask for fewer.")
        most = len(self.free_gpus) or max(1, cores // max(1, threads))
        self.at_once = max(1, min(num_jobs, most, whole(options, "max-jobs-run", num_jobs) or num_jobs))
        self.threads = threads or max(1, cores // self.at_once)

    def environment(self, gpus: list[str]) -> dict[str, str]:
        """The environment of a job that was given these GPUs."""
        environment = {"OMP_NUM_THREADS": str(self.threads), **os.environ}
        if gpus or self.hide_gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        return environment


def open_terminal() -> tuple[int, int]:
    """Reader and writer of a pseudo-terminal like ours: in it a job still draws its progress as a bar."""
    reader, writer = os.openpty()
    tty.setraw(writer)  # no translation of line ends
    termios.tcsetwinsize(writer, termios.tcgetwinsize(2))
    return reader, writer


def last_state(line: bytes) -> bytes:
    """What stands on a line after all its carriage returns: of a progress bar, its end."""
    return line.rstrip(b"\r").rpartition(b"\r")[2] + b"\n"


class Log:
    """A job's log. Where the disk refuses it, that is said once and the job goes on."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.file, self.whole = path, open(path, "wb", buffering=0), True

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_) -> None:
        self.file.close()

    def fileno(self) -> int:
        return self.file.fileno()

    def write(self, data: bytes) -> None:
        try:
            self.file.write(data)
        except OSError as error:
            if self.whole:
                say(f"{self.path}: {error.strerror.lower()}; lines will be missing there.")
            self.whole = False


def show(reader: int, log: Log) -> None:
    """Copy a job's output to our stderr as it comes, and to the log line by line."""
    rest = b""
    while piece := read(reader):
        with suppress(OSError):  # a terminal that is gone; the log goes on
            sys.stderr.buffer.write(piece)
            sys.stderr.flush()
        *lines, rest = (rest + piece).split(b"\n")
        log.write(b"".join(map(last_state, lines)))
    if rest:
        log.write(last_state(rest))


def read(reader: int) -> bytes:
    """The next piece, or nothing at the end; a pseudo-terminal says the end by an error."""
    try:
        return os.read(reader, 65536)
    except OSError:
        return b""


class Jobs:
    """All jobs of one request. They stay in our process group, so that Ctrl-C and kill reach them as they reach us."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.slots = Slots(request.options, len(request.numbers))
        self.waiting = list(request.numbers)
        self.running: dict[int, subprocess.Popen] = {}
        self.failed: dict[int, int | str] = {}  # exit status by number
        self.statuses: list[int] = []
        self.lock = threading.Lock()
        self.stopping = False

    def run(self) -> int:
        """Run them all; 0, or the launcher's status when any failed."""
        threads = [threading.Thread(target=self._worker) for _ in range(self.slots.at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # a join without limit may sleep through a signal that another thread received
                thread.join(0.2)
        return report(self.request, self.failed) or (STOPPED_WITH_CHECKPOINT if self.waiting else 0)

    def _worker(self) -> None:
        with self.lock:
            gpus = self.slots.free_gpus.pop(0) if self.slots.free_gpus else []
        while True:
            with self.lock:
                if self.stopping or not self.waiting:
                    return
                number = self.waiting.pop(0)
            try:
                code = self._one(number, self.slots.environment(gpus))
            except OSError as error:  # a log that cannot be made: its job is not begun
                say(f"{error.filename}: {error.strerror.lower()}.")
                code = 1
            if code:
                self.failed[number] = code

    def _one(self, number: int, environment: dict[str, str]) -> int:
        log, command = self.request.log_of(number), self.request.command_of(number)
        start = time.time()
        with Log(log) as file:
            file.write(log_head(command, start))
            try:
                code = self._wait(number, command, environment, file)
            except OSError as error:
                file.write(f"{command[0]}: {error.strerror}\n".encode())
                code = 127
            file.write(log_tail(code, start, self.slots.threads))
        return code

    def _wait(self, number: int, command: list[str], environment: dict[str, str], log: Log) -> int:
        """Run one command with its output in the log, and on our stderr when it is the only one."""
        reader, writer = None, log.fileno()
        if len(self.request.numbers) == 1:
            reader, writer = open_terminal() if sys.stderr.isatty() else os.pipe()
        with self.lock:
            if self.stopping:
                return 128 + signal.SIGTERM
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, env=environment)
            self.running[number] = process
        if reader is not None:
            os.close(writer)
            show(reader, log)
        code = process.wait()
        with self.lock:
            self.statuses.append(code)
            del self.running[number]
        return code if code >= 0 else 128 - code

    def have_stopped(self) -> bool:
        """Whether some job has stopped with a checkpoint or was not begun, and none has failed."""
        stopped = STOPPED_WITH_CHECKPOINT
        return {*self.statuses} <= {0, stopped} and (stopped in self.statuses or bool(self.waiting))

    def pass_on(self, number: int) -> None:
        """Ask every running job to end, and begin no other."""
        with self.lock:  # a job that is just being started is registered first; the main thread never holds the lock
            self.stopping = True
        for process in list(self.running.values()):
            ask_to_end(process.pid, number)

    def end(self, patience_seconds: float) -> None:
        """Ask every running job to end; kill those that have not after a while."""
        self.pass_on(signal.SIGTERM)
        deadline = time.monotonic() + patience_seconds
        while self.running and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in list(self.running.values()):
            send(descendants(process.pid), signal.SIGKILL)
        while self.running and time.monotonic() < deadline + 1:
            time.sleep(0.05)


def main() -> None:
    jobs = Jobs(parse(sys.argv[1:]))

    def leave(number: int, _frame) -> None:
        for each in HEEDED:
            signal.signal(each, lambda *_: None)  # not SIG_IGN, which a job being started would inherit
        jobs.end(GRACE_SECONDS[number])
        os._exit(STOPPED_WITH_CHECKPOINT if jobs.have_stopped() and number != signal.SIGINT else 128 + number)

    for number in HEEDED:
        signal.signal(number, leave)
    signal.signal(signal.SIGUSR1, lambda number, _: jobs.pass_on(number))
    sys.exit(jobs.run())


if __name__ == "__main__":
    main()
