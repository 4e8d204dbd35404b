"""What is wrong with a user's corpus: one line on the screen, all of it in a file, and a way to go on without it."""

from pathlib import Path

from espnet_bljust.data.files import write_atomic
from espnet_bljust.errors import InputError


def list_offenders(problems: list[str], path: Path, *, where: str, skip: bool) -> str:
    """Write ``problems`` (a line each) to ``path``; stop there unless ``skip``, which returns the line to print."""
    if not problems:
        path.unlink(missing_ok=True)
        return ""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, "".join(problem + "\n" for problem in problems))
    if skip:
        return f"{where}: {len(problems)} problems, left out and listed in {path}"
    raise InputError(
        f"{where}: {len(problems)} problems, first: {problems[0]} All of them: {path}. "
        "Mend them, or go on without them: --skip_problems true."
    )
