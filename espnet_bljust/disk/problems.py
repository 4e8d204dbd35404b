"""Many problems in one error: the first few in the message, all of them in a file that the message names."""

import tempfile
from pathlib import Path

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError

MOST_SHOWN = 10  # so many problems are shown whole; of more, the first FEW
FEW = 3


def raise_problems(problems: list[str], list_path: Path) -> None:
    """Raise InputError for ``problems`` (each ``where: what. remedy.``); do nothing when there are none."""
    if not problems:
        return
    if len(problems) <= MOST_SHOWN:
        raise InputError("\n".join(problems))
    path = _write_list(problems, list_path)
    shown = "\n".join(problems[:FEW])
    raise InputError(f"{shown}\n... and {len(problems) - FEW} more. All {len(problems)} problems: {path}")


def raise_listed(problems: list[str], list_path: Path, where: str, *, remedy: str = "") -> None:
    """Raise one line for ``problems``, however many, all of them in ``list_path``; without any, remove the list."""
    if not problems:
        list_path.unlink(missing_ok=True)
        return
    path = _write_list(problems, list_path)
    plural = "problem" if len(problems) == 1 else "problems"
    raise InputError(f"{where}: {len(problems)} {plural}, first: {problems[0]} All of them: {path}. {remedy}".rstrip())


def list_offenders(problems: list[str], list_path: Path, *, where: str, skip: bool) -> str:
    """As ``raise_listed``, with a way to go on: ``skip`` returns the line to print."""
    if problems and skip:
        return f"{where}: {len(problems)} problems, left out and listed in {_write_list(problems, list_path)}"
    raise_listed(problems, list_path, where, remedy="Mend them, or go on without them: --skip_problems true.")
    return ""


def _write_list(problems: list[str], path: Path) -> Path:
    text = "".join(line + "\n" for line in problems)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
    except OSError:  # the data folder may be read-only
        path = Path(tempfile.mkdtemp(prefix="problems.")) / path.name
        write_atomic(path, text)
    return path
