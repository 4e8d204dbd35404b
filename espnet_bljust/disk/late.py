"""Files that jobs on other machines have written, and that this one does not see yet.

A network file system tells a machine of a new file late: NFS keeps what it knows of a folder for up to 60 s (acdirmax
of mount.nfs(5)), also that a name is not in it. Once a job has ended well, what it has written is waited for.
"""

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

INTERVAL_SECONDS = 0.5


def wait_for(paths: Iterable[Path]) -> None:
    """Return when all are there, or after BLJUST_LATE_SECONDS (by default none), for the caller to say what is missing.

    The stages set it to 70 where jobs do not run on this machine.
    """
    patience = float(os.environ.get("BLJUST_LATE_SECONDS", 0))
    began = time.monotonic()
    for path in paths:
        told = False
        while not path.exists() and time.monotonic() - began < patience:
            if not told:
                print(f"waiting up to {patience:.0f} s for {path}: its job has ended, and it is not seen here yet",
                      file=sys.stderr, flush=True)
                told = True
            time.sleep(INTERVAL_SECONDS)
