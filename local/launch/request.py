"""What run.py and slurm.py share: the words of Kaldi's contract, the form of a log, how failures are told.

    LAUNCHER [--option value ...] [JOB=1:N] LOG COMMAND [ARG ...]
"""

import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Those that end a launcher; what came ignored, as SIGHUP does under nohup, stays so
HEEDED = tuple(number for number in STOPPING_SIGNALS if signal.getsignal(number) != signal.SIG_IGN)
STOPPED_WITH_CHECKPOINT = 85  # a training's exit status after SIGTERM or SIGUSR1: the same command goes on from there
LAUNCHER = Path(sys.argv[0]).name


class Request(NamedTuple):
    options: dict[str, str]  # Kaldi's option pairs, without dashes before and with dashes inside
    name: str  # what stands for the number, mostly JOB; empty for a single job
    numbers: range
    log: str
    command: list[str]

    def named(self, word: str, number: int) -> str:
        """The word as this job gets it."""
        return word.replace(self.name, str(number)) if self.name else word

    def log_of(self, number: int) -> Path:
        return Path(self.named(self.log, number))

    def command_of(self, number: int) -> list[str]:
        return [self.named(word, number) for word in self.command]


def parse(words: list[str]) -> Request:
    """Options and JOB=1:N in any order, then the log, then the command."""
    options, name, numbers = {}, "", range(1, 2)
    words = list(words)
    while words:
        if words[0].startswith("-") and len(words) > 1:
            options[words[0].lstrip("-").replace("_", "-")] = words[1]
            del words[:2]
        elif task := re.fullmatch(r"([A-Za-z_]\w*)=(\d+)(?::(\d+))?", words[0]):
            name, numbers = task[1], range(int(task[2]), int(task[3] or task[2]) + 1)
            del words[0]
        else:
            break
    if len(words) < 2 or not numbers:
        stop(f"expected: {LAUNCHER} [--option value ...] [JOB=1:N] log/name.JOB.log command [argument ...]")
    if len(numbers) > 1 and name not in words[0]:
        stop(f"{words[0]}: {len(numbers)} jobs cannot share one log. Put {name} into its name.")
    return Request(options, name, numbers, words[0], words[1:])


def say(message: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        print(f"{LAUNCHER}: {message}", file=sys.stderr, flush=True)


def stop(message: str) -> None:
    say(message)
    sys.exit(1)


def whole(options: dict[str, str], name: str, default: int) -> int:
    """A whole-number option."""
    value = options.get(name, str(default))
    if not value.isdigit():
        stop(f"--{name} {value}: expected a whole number.")
    return int(value)


def log_head(command: list[str], start: float) -> bytes:
    """The lines before a job's output; a line break inside a word does not end the comment."""
    words = " ".join(command).replace("\n", "\\n")
    return f"# {words}\n# Started at {time.ctime(start)}\n#\n".encode(errors="surrogateescape")


def log_tail(code: int, start: float, threads: int) -> bytes:
    """The lines after it."""
    end = time.time()
    return (f"# Accounting: time={end - start:.0f} threads={threads}\n"
            f"# Ended (code {code}) at {time.ctime(end)}, elapsed time {end - start:.0f} seconds\n").encode()


def last_words(log: Path) -> str:
    """The last line that a job printed."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "no log was written"
    said = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return said[-1] if said else "it said nothing"


def report(request: Request, failed: dict[int, int | str]) -> int:
    """Say what failed, by exit status or by a sentence that tells more; the launcher's own status."""
    if set(failed.values()) == {STOPPED_WITH_CHECKPOINT}:
        some = f"{len(failed)} of {len(request.numbers)} jobs" if len(request.numbers) > 1 else request.log
        say(f"{some} stopped with a checkpoint; the same command goes on.")
        return STOPPED_WITH_CHECKPOINT
    for number, code in sorted(failed.items()):
        log = request.log_of(number)
        if isinstance(code, str):
            say(f"{log}: {code}")
        elif len(request.numbers) == 1:  # what it said was shown
            say(f"the job failed; its log: {log}")
        else:
            say(f"{log}: {last_words(log)}")
    if failed and len(request.numbers) > 1:
        say(f"{len(failed)} of {len(request.numbers)} jobs failed.")
    return 1 if failed else 0
