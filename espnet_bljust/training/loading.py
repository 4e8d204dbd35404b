"""Processes that read audio for a training: they can pass it on, and one that died or fell silent is noticed."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.errors import InputError

SOCKET_BYTES = 107  # of the path of a Unix socket (unix(7)), through which a reader hands over a batch
NAME_BYTES = len("/pymp-12345678/listener-12345678")  # that multiprocessing adds to the temporary folder
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
SILENCE_SECONDS = 1800  # longer than a disk takes that is busy, or fetches a file from tape
GONE = re.compile(r"DataLoader (worker \(pid|timed out)")


def make_sockets_fit() -> None:
    """Where TMPDIR is too long for a socket, take a shorter folder for this process, and say so.

    Otherwise the thread of a reader that hands over a batch dies in silence, and the training waits for ever.
    """
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) + NAME_BYTES <= SOCKET_BYTES:
        return
    for short in SHORT_FOLDERS:
        if os.access(short, os.W_OK | os.X_OK):
            print(f"TMPDIR {folder}: too long for the path of a socket; {short} is taken for them", file=sys.stderr)
            tempfile.tempdir = short
            return
    raise InputError(f"TMPDIR {folder}: too long for the path of a socket. Set TMPDIR to a folder with a shorter name.")


def noticing[Batch](batches: Iterator[Batch], folder: Path) -> Iterator[Batch]:
    """What a DataLoader gives; an InputError where its process is gone. ``folder``: of the training."""
    try:
        yield from batches
    except RuntimeError as error:
        if not GONE.match(str(error)):
            raise
        reason = " ".join(str(error).split()).rstrip(".")[:160]
        raise InputError(f"{folder}: a process that reads audio has ended or gave nothing for {SILENCE_SECONDS} s "
                         f"({reason}). Killed ones mostly lacked memory (dmesg, --num_workers); the same command goes "
                         "on from the last checkpoint.") from None
