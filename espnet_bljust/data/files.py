"""Files and folders that exist whole or not at all: written beside their target, then renamed."""

import os
import shutil
from pathlib import Path
from typing import IO

from espnet_bljust.errors import InputError


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` through ``<path>.tmp``; a kill leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        bad = text[max(0, error.start - 40) : error.end + 10]
        raise InputError(f"{path}: {bad!r} is not valid Unicode. Rename the file or id it comes from.") from None
    with temporary.open("wb") as file:
        file.write(data)
        sync(file)
    os.replace(temporary, path)


def sync(file: IO) -> None:
    """Put what was written on the disk, before the file or its folder is renamed."""
    file.flush()
    os.fsync(file.fileno())


def temporary_dir(path: Path) -> Path:
    """The folder beside ``path`` in which its next content grows."""
    return path.with_name(path.name + ".tmp")


def fresh_dir(path: Path) -> Path:
    """``path`` emptied and made anew."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path


def swap_dir(temporary: Path, path: Path) -> None:
    """Put ``temporary`` in the place of ``path``; a kill in between leaves ``temporary`` whole for the next run."""
    old = path.with_name(path.name + ".old")
    if old.exists():
        shutil.rmtree(old)
    if path.exists():
        os.rename(path, old)
    os.rename(temporary, path)
    if old.exists():
        shutil.rmtree(old)
