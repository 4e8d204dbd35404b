#!/usr/bin/env python3
"""Run a command, or N copies of it in parallel, on this machine, by the contract of Kaldi's run.pl.

    run.py [--gpu N] [--num-threads N] [--max-jobs-run N] [--other value ...] [JOB=1:N] LOG COMMAND [ARG ...]

JOB is replaced by the job's number in the log's name and in every argument; no shell ever reads the command.
At most as many jobs run at once as there are cores (or GPUs, with --gpu). OMP_NUM_THREADS, unless it is set,
shares the cores among them. --gpu 0 hides the GPUs. A single job's output is shown as well as logged.
"""

import os
import re
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 10.0  # between asking a job to end and killing it


class Request(NamedTuple):
    options: dict[str, str]  # Kaldi's option pairs; those that mean nothing here are accepted and left alone
    name: str  # what stands for the number, mostly JOB; empty for a single job
    numbers: range
    log: str
    command: list[str]


def parse(words: list[str]) -> Request:
    """Options and JOB=1:N in any order, then the log, then the command."""
    options, name, numbers = {}, "", range(1, 2)
    words = list(words)
    while words:
        if words[0].startswith("-") and len(words) > 1:
            options[words[0].lstrip("-").replace("_", "-")] = words[1]
            del words[:2]
        elif found := re.fullmatch(r"([A-Za-z_]\w*)=(\d+)(?::(\d+))?", words[0]):
            name, numbers = found[1], range(int(found[2]), int(found[3] or found[2]) + 1)
            del words[0]
        else:
            break
    if len(words) < 2 or not numbers:
        stop("expected: run.py [--option value ...] [JOB=1:N] log/name.JOB.log command [argument ...]")
    if len(numbers) > 1 and name not in words[0]:
        stop(f"{words[0]}: {len(numbers)} jobs cannot share one log. Put {name} into its name.")
    return Request(options, name, numbers, words[0], words[1:])


def stop(message: str) -> None:
    print(f"run.py: {message}", file=sys.stderr)
    sys.exit(1)


def whole(options: dict[str, str], name: str, default: int) -> int:
    """A whole-number option."""
    value = options.get(name, str(default))
    if not value.isdigit():
        stop(f"--{name} {value}: expected a whole number.")
    return int(value)


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
                print(f"run.py: {self.path}: {error.strerror.lower()}; lines will be missing there.", file=sys.stderr)
            self.whole = False


def show(reader: int, log: Log) -> None:
    """Copy a job's output to our stderr as it comes, and to the log line by line."""
    rest = b""
    while piece := read(reader):
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


def descendants(process: int) -> list[int]:
    """The processes below this one, itself first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # it has just ended
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


class Jobs:
    """All jobs of one request. They stay in our process group, so that Ctrl-C and kill reach them as they reach us."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.slots = Slots(request.options, len(request.numbers))
        self.waiting = list(request.numbers)
        self.running: dict[int, subprocess.Popen] = {}
        self.failed: list[int] = []
        self.lock = threading.Lock()
        self.stopping = False

    def run(self) -> int:
        """Run them all; 0, or 1 when any failed."""
        threads = [threading.Thread(target=self._worker) for _ in range(self.slots.at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # a join without limit may sleep through a signal that another thread received
                thread.join(0.2)
        return self._report()

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
                print(f"run.py: {error.filename}: {error.strerror.lower()}.", file=sys.stderr)
                code = 1
            if code != 0:
                self.failed.append(number)

    def _one(self, number: int, environment: dict[str, str]) -> int:
        log = Path(self._named(self.request.log, number))
        command = [self._named(word, number) for word in self.request.command]
        start, since = time.time(), time.monotonic()  # a clock that is set does not change how long it took
        with Log(log) as file:
            file.write(os.fsencode(f"# {' '.join(command)}\n# Started at {time.ctime(start)}\n#\n"))
            try:
                code = self._wait(number, command, environment, file)
            except OSError as error:
                file.write(f"{command[0]}: {error.strerror}\n".encode())
                code = 127
            seconds = time.monotonic() - since
            file.write(f"# Accounting: time={seconds:.0f} threads={self.slots.threads}\n"
                       f"# Ended (code {code}) at {time.ctime()}, elapsed time {seconds:.0f} seconds\n".encode())
        return code

    def _named(self, word: str, number: int) -> str:
        return word.replace(self.request.name, str(number)) if self.request.name else word

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
            del self.running[number]
        return code if code >= 0 else 128 - code

    def end(self) -> None:
        """Ask every running job to end; kill those that have not after a while."""
        with self.lock:  # a job that is just being started is registered first; the main thread never holds the lock
            self.stopping = True
        for patience, number in ((GRACE_SECONDS, signal.SIGTERM), (0.0, signal.SIGKILL)):
            for process in list(self.running.values()):
                for each in descendants(process.pid):
                    with suppress(ProcessLookupError):
                        os.kill(each, number)
            deadline = time.monotonic() + patience
            while self.running and time.monotonic() < deadline:
                time.sleep(0.05)

    def _report(self) -> int:
        if len(self.request.numbers) == 1 and self.failed:  # what it said was shown
            print(f"run.py: the job failed; its log: {self._named(self.request.log, self.request.numbers[0])}",
                  file=sys.stderr)
            return 1
        for number in sorted(self.failed):
            log = self._named(self.request.log, number)
            lines = Path(log).read_text(errors="replace").splitlines() if Path(log).exists() else []
            said = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
            print(f"run.py: {log}: {said[-1] if said else 'it said nothing'}", file=sys.stderr)
        if self.failed:
            print(f"run.py: {len(self.failed)} of {len(self.request.numbers)} jobs failed.", file=sys.stderr)
        return 1 if self.failed else 0


def main() -> None:
    jobs = Jobs(parse(sys.argv[1:]))

    def leave(number: int, _frame) -> None:
        for each in STOPPING_SIGNALS:
            signal.signal(each, lambda *_: None)  # not SIG_IGN, which a job being started would inherit
        jobs.end()
        os._exit(128 + number)

    for number in STOPPING_SIGNALS:
        signal.signal(number, leave)
    sys.exit(jobs.run())


if __name__ == "__main__":
    main()
