"""One run at a time in a folder: a lock that ends with the process that holds it, however that ends."""

import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from espnet_bljust.errors import InputError

NAME = ".stages/training.lock"
HELD = (errno.EAGAIN, errno.EACCES)  # POSIX allows either; all else says that locking failed, not that another has it


@contextmanager
def one_run(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; where another process has it, an InputError that names host, process and start.

    A POSIX record lock, for flock would pass on to forked children and outlive a killed run in them. Between hosts it
    holds where the file system carries locks (NFS with its lock service, Lustre mounted with -o flock).
    """
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:  # the only one in this process: closing another one would end the lock
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in HELD:
                print(f"{path}: files cannot be locked here ({error.strerror}). "
                      "See to it that no second run trains here.", file=sys.stderr)
            else:
                file.seek(0)
                holder = file.read().strip() or "just begun"
                raise InputError(f"{folder}: another run trains here ({holder}). Wait until it ends, or stop it there; "
                                 "for a second run give --asr_tag another name.") from None
        file.truncate(0)
        file.write(f"host {socket.gethostname()}, process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
