"""Slurm's commands, and what they answer."""

import os
import re
import subprocess


def slurm(*words: str) -> subprocess.CompletedProcess:
    """A command of Slurm's, which sees nothing of a job that we may run in; Ctrl-C is ours to answer, not its."""
    kept = {name: value for name, value in os.environ.items()
            if name == "SLURM_CONF" or name != "SBATCH_EXPORT" and not name.startswith("SLURM_")}
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=kept,
                          start_new_session=True, check=False)


def submitted(said: str) -> str:
    """The job in what `sbatch --parsable` printed, `12` or `12;cluster`; a site may print its own lines before."""
    found = re.findall(r"^(\d+(?:;[\w.-]+)?)[ \t]*$", said, re.MULTILINE)
    return found[-1] if found else ""


def of_cluster(job: str) -> tuple[str, list[str]]:
    """The number of a job, and the option that says on which cluster it is."""
    number, _, name = job.partition(";")
    return number, [f"--clusters={name}"] if name else []


def called(name: str) -> str | None:
    """The job of that name in the queue, or an empty string; None without an answer."""
    answer = slurm("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%F")
    return submitted(answer.stdout) if answer.returncode == 0 else None


def states(job: str) -> dict[int, tuple[str, str]] | None:
    """State and reason by number, 0 for a single job; empty once Slurm has forgotten it, None without an answer."""
    number, where = of_cluster(job)
    answer = slurm("squeue", "--noheader", "--array", "--states=all", *where, f"--jobs={number}", "--format=%K %T %r")
    if answer.returncode != 0:
        return {} if "Invalid job id" in answer.stderr else None
    rows = [line.split(maxsplit=2) for line in answer.stdout.splitlines() if not line.startswith("CLUSTER:")]
    return {int(row[0]) if row[0].isdigit() else 0: (row[1], row[2]) for row in rows if len(row) == 3}
