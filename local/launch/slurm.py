#!/usr/bin/env python3
"""Run a command, or an array of N, on a Slurm cluster through sbatch, by the contract of Kaldi's slurm.pl.

    slurm.py [--gpu N] [--num-threads N] [--mem 4G] [--num-nodes N] [--max-jobs-run N] [--other value ...]
             [JOB=1:N] LOG COMMAND [ARG ...]

JOB is replaced by the job's number in the log's name and in every argument; no shell ever reads the command. GPUs,
threads and memory are those of one job on one node. Every other option is sbatch's own: `--partition gpu`, `--time
8:00:00`; `true` stands for an option without value, `false` leaves it out (`--exclusive true`, `--requeue false`).

Exit statuses come from files that slurm_task.py writes beside the log, in <log>.slurm/, and not from Slurm's
accounting, which may be off. A job that ended without one is looked up in squeue, and given LATE_SECONDS more, as long
as a network file system may take to show a file of another machine. Ctrl-C and kill cancel the array.
"""

import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where PYTHONSAFEPATH leaves it out
from request import HEEDED, Request, parse, report, say, stop, whole
from slurm_calls import called, of_cluster, slurm, states, submitted

LATE_SECONDS = 60.0  # for files of jobs that have ended: NFS caches attributes for that long (acdirmax)
SHORTEST_POLL, LONGEST_POLL, POLL_GROWTH = 0.2, 10.0, 1.2  # seconds between two looks
SQUEUE_SHARE = 5  # squeue is asked at every fifth look: all users share its server
OUR_OPTIONS = ("gpu", "num-threads", "num-nodes", "max-jobs-run", "mem", "requeue")
ENDED = {
    "TIMEOUT": "ran into its time limit. Ask for more with --time, see cmd.sh.",
    "DEADLINE": "ran into its deadline.",
    "CANCELLED": "was cancelled (scancel).",
    "OUT_OF_MEMORY": "ran out of memory. Ask for more with --mem, see cmd.sh.",
    "NODE_FAIL": "its node failed. The same command begins it again.",
    "PREEMPTED": "had to make room for another job. The same command begins it again.",
    "BOOT_FAIL": "its node did not start. The same command begins it again.",
}
OVER = (*ENDED, "COMPLETED", "FAILED", "")  # empty: forgotten by Slurm
# What sbatch says where the job may be in the queue all the same
UNSURE = re.compile("timed? ?out|unable to contact|connection|transmi|zero bytes|temporarily|communication", re.I)
USUAL_WAITS = ("None", "Priority", "Resources", "BeginTime", "JobArrayTaskLimit", "Cleaning", "Prolog")


def sbatch_words(request: Request, folder: Path, mark: str) -> list[str]:
    """The call of sbatch; words stay words until the command itself. ``mark``: ends the job's name."""
    options, single = request.options, not request.name
    name = re.sub(r"[^\w.-]", "_", Path(request.log).name.removesuffix(".log"))
    words = ["sbatch", "--parsable", f"--job-name={name}.{mark}"]
    if "export" not in options:
        words.append("--export=ALL")  # a cluster's default may be NONE, and jobs need PATH and PYTHONPATH
    words.append(f"--output={str(folder.resolve()).replace('%', '%%')}/{'%j' if single else '%A.%a'}.out")
    if not single:
        most = whole(options, "max-jobs-run", 0)
        words.append(f"--array={request.numbers[0]}-{request.numbers[-1]}" + (f"%{most}" if most else ""))
    if (gpus := whole(options, "gpu", 0)) and "gres" not in options:
        words.append(f"--gres=gpu:{gpus}")
    if threads := whole(options, "num-threads", 0):
        words.append(f"--cpus-per-task={threads}")
    if (nodes := whole(options, "num-nodes", 1)) > 1:
        words += [f"--nodes={nodes}", "--ntasks-per-node=1"]
    if "mem" in options:
        words.append(f"--mem={options['mem']}")
    if "requeue" in options:
        words.append("--no-requeue" if options["requeue"] == "false" else "--requeue")
    others = {option: value for option, value in options.items() if option not in OUR_OPTIONS and value != "false"}
    words += [f"--{option}" if value == "true" else f"--{option}={value}" for option, value in others.items()]
    here = Path(__file__).resolve().parent
    return [*words, str(here / "slurm_job.sh"), sys.executable, str(here / "slurm_task.py"), str(folder.resolve())]


class Array:
    """The jobs of one request, from sbatch to the last status."""

    def __init__(self, request: Request) -> None:
        self.request = request
        log = Path(request.log)
        self.folder = log.with_name(f"{log.name}.slurm")
        self.codes: dict[int, int] = {}
        self.states: dict[int, tuple[str, str]] = {}
        self.told: set[str] = set()  # reasons to wait that were shown
        self.shown = 0  # bytes of a single job's log

    def submit(self) -> None:
        if "\\" in str(self.folder.resolve()):
            stop(f"{self.folder.resolve()}: Slurm takes no backslash in a name. Rename the folder or the log.")
        self.wait_for_earlier()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        words = self.request._asdict() | {"numbers": [self.request.numbers[0], self.request.numbers[-1] + 1]}
        (self.folder / "request.json").write_text(json.dumps(words))
        for number in self.request.numbers:
            self.request.log_of(number).unlink(missing_ok=True)
        words = sbatch_words(self.request, self.folder, f"{time.time_ns() + os.getpid():x}")
        (self.folder / "name").write_text(next(word for word in words if word.startswith("--job-name=")).split("=")[1])
        done = slurm(*words)
        said = "; ".join(done.stderr.split("\n")).strip("; ")
        job = submitted(done.stdout) if done.returncode == 0 else ""
        if done.returncode != 0 and not UNSURE.search(said):
            stop(f"sbatch refused the job: {said}")
        self.asked_for = job or self.found_by_name(said)
        self.job = of_cluster(self.asked_for)[0]
        (self.folder / "job").write_text(self.asked_for)
        say(f"{self.request.log}: job {self.job}, tasks: {len(self.request.numbers)}. "
            f"To end it: {' '.join(self.cancelling())}")

    def cancelling(self) -> list[str]:
        number, where = of_cluster(self.asked_for)
        return ["scancel", *where, number]

    def found_by_name(self, said: str) -> str:
        """The job of a call that gave no number, since sbatch may time out with the job in the queue.

        Its name and its folder are its own: it is looked for in the queue, and by what it writes. A second one is
        never begun; where none shows, the next call looks again.
        """
        say(f"{self.request.log}: sbatch did not tell the number of the job ({said or 'it said nothing'}); it is "
            "looked for")
        deadline = time.monotonic() + LATE_SECONDS
        while time.monotonic() < deadline:
            if job := called((self.folder / "name").read_text()) or self.begun():
                return job
            if number := pause(0.5):
                sys.exit(128 + number)
        stop(f"no job of that name in the queue within {LATE_SECONDS:.0f} s. The same command looks again first.")

    def begun(self) -> str:
        """The job that has written here."""
        return next((name.split(".")[0] for name in sorted(os.listdir(self.folder))
                     if re.fullmatch(r"\d+\.(begun|\d+\.status)", name)), "")

    def wait_for_earlier(self) -> None:
        """A launcher that was killed outright leaves its jobs behind, and two must not write the same files."""
        record, name, told = self.folder / "job", self.folder / "name", False
        earlier = record.read_text() if record.exists() else ""
        if name.exists() and not earlier:  # sbatch did not tell its number
            found = self.begun() or called(name.read_text())
            if found is None:
                stop(f"squeue does not answer, and {name.read_text()} may be in the queue. Try again when it does.")
            earlier = found
        while earlier and any(state not in OVER for state, _ in (states(earlier) or {}).values()):
            if not told:
                say(f"{self.request.log}: waiting for job {earlier} of an earlier call. To end it: scancel {earlier}")
            told = True
            if number := pause(1.0):
                sys.exit(128 + number)

    def run(self) -> int:
        """Wait for all; the launcher's status."""
        looks, poll = 0, SHORTEST_POLL
        while not self.over(looks % SQUEUE_SHARE == SQUEUE_SHARE - 1) or self.some_came_back():
            self.pause(poll)
            looks, poll = looks + 1, min(LONGEST_POLL, poll * POLL_GROWTH)
        self.wait_for_files()
        return report(self.request, {number: self.verdict(number) for number in self.request.numbers
                                     if self.codes.get(number) != 0})

    def over(self, ask_slurm: bool) -> bool:
        """Whether every job has left a status, or will leave none."""
        self.read_statuses()
        if len(self.codes) == len(self.request.numbers):
            return True
        return ask_slurm and self.update() and not any(self.alive(number) for number in self.request.numbers)

    def some_came_back(self) -> bool:
        """Whether Slurm has put a failed job back into the queue by itself, as after the loss of a node."""
        failed = [number for number, code in self.codes.items() if code != 0]
        deadline = time.monotonic() + LATE_SECONDS
        while failed and self.update() and time.monotonic() < deadline:
            if back := [number for number in failed if self.state(number) == "PENDING"]:
                for number in back:
                    del self.codes[number]
                    (self.folder / f"{self.job}.{number}.status").unlink(missing_ok=True)
                return True
            if all(self.state(number) in OVER for number in failed):
                break
            self.pause(0.5)
        return False

    def update(self) -> bool:
        """Ask squeue; False when it did not answer. What keeps a job waiting is said once."""
        latest = states(self.asked_for)
        self.states |= latest or {}
        for state, reason in self.states.values():
            if state == "PENDING" and reason not in USUAL_WAITS and reason not in self.told:
                self.told.add(reason)
                say(f"{self.request.log}: job {self.job} waits: {reason}")
        if latest == {}:  # forgotten: whatever was last seen of it is over
            self.states = {number: seen for number, seen in self.states.items() if seen[0] in OVER}
        return latest is not None

    def state(self, number: int) -> str:
        return self.states.get(number if self.request.name else 0, ("", ""))[0]

    def alive(self, number: int) -> bool:
        return number not in self.codes and self.state(number) not in OVER

    def read_statuses(self) -> None:
        """Also shows what a single job has written since."""
        names = set(os.listdir(self.folder))  # listing it makes NFS look again
        for number in self.request.numbers:
            name = f"{self.job}.{number}.status"
            if number not in self.codes and name in names:
                self.codes[number] = int((self.folder / name).read_text())
        log = self.request.log_of(self.request.numbers[0])
        if len(self.request.numbers) == 1 and log.exists():
            with open(log, "rb") as file:
                file.seek(self.shown)
                whole_lines = file.read().rpartition(b"\n")[0]
            if whole_lines:
                self.shown += len(whole_lines) + 1
                lines = [line for line in whole_lines.split(b"\n") if not line.startswith(b"#")]
                sys.stderr.buffer.write(b"".join(line + b"\n" for line in lines))
                sys.stderr.flush()

    def wait_for_files(self) -> None:
        """Statuses that must come, and the ends of the logs of all that have one."""
        deadline = time.monotonic() + LATE_SECONDS
        while time.monotonic() < deadline:
            self.read_statuses()
            missing = [number for number in self.request.numbers if number not in self.codes
                       and self.state(number) not in ENDED]
            unfinished = [number for number in self.codes if not whole_log(self.request.log_of(number))]
            if not missing and not unfinished:
                break
            self.pause(0.5)
        self.read_statuses()

    def verdict(self, number: int) -> int | str:
        """Exit status, or what Slurm says of a job that left none."""
        if number in self.codes:
            return self.codes[number]
        state = self.state(number)
        return ENDED.get(state, f"ended ({state.lower() or 'forgotten by Slurm'}) and left no status within "
                                f"{LATE_SECONDS:.0f} s; see {self.folder}")

    def pause(self, seconds: float) -> None:
        """Sleep, unless we are asked to end."""
        if number := pause(seconds):
            (self.folder / "cancelled").touch()  # so that no job asks for another turn
            done = slurm(*self.cancelling())
            say(f"{self.request.log}: cancelled job {self.job}" if done.returncode == 0 else
                f"job {self.job} could not be cancelled, it goes on: {done.stderr.strip()}")
            sys.exit(128 + number)


def pause(seconds: float) -> int:
    """Sleep; the number of the signal that ended it, or 0. They are blocked, so that none comes at a bad moment."""
    received = signal.sigtimedwait(HEEDED, seconds)
    return received.si_signo if received else 0


def whole_log(log: Path) -> bool:
    """Whether its last line has arrived."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - 400))
            return b"\n# Ended (code " in file.read()
    except FileNotFoundError:
        return False


def main() -> None:
    request = parse(sys.argv[1:])
    if shutil.which("sbatch") is None:
        stop("sbatch is not on the PATH. Start this on a machine of the cluster, or set cmd_backend=local.")
    signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)
    array = Array(request)
    array.submit()
    sys.exit(array.run())


if __name__ == "__main__":
    main()
