"""Files and folders that exist whole or not at all: written beside their target, then renamed."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from espnet_bljust.errors import InputError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write ``content``, text as UTF-8, to ``path`` through ``<path>.tmp``; a kill leaves the old file or the new."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        data = content.encode() if isinstance(content, str) else content
    except UnicodeEncodeError as error:
        bad = content[max(0, error.start - 40) : error.end + 10]
        raise InputError(f"{path}: {bad!r} is not valid Unicode. Rename the file or id it comes from.") from None
    with named(path), temporary.open("wb") as file:
        file.write(data)
        sync(file)
    os.replace(temporary, path)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Give a system error the name that it lacks: to write says only that there is no space."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def sync(file: IO) -> None:
    """Put what was written on the disk, before the file or its folder is renamed."""
    file.flush()
    os.fsync(file.fileno())


def sync_tree(folder: Path) -> None:
    """Put what lies below ``folder`` on the disk, before the folder is renamed or a record says that it is whole.

    In one call for its whole file system: file by file, each takes milliseconds.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # not Linux
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


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
