"""SIGTERM, SIGUSR1 and SIGHUP ask a training to stop: noted here, and acted upon between two optimizer steps.

A signal that came ignored stays ignored, as SIGHUP under nohup. Schedulers send SIGTERM at preemption and at the time
limit, and `--signal=USR1@300` so many seconds earlier; SIGHUP comes when a terminal is closed. SIGINT is left as it
is: it ends the run at once, without a checkpoint. Light to import: a signal that comes while the rest is being
imported is not lost.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

REQUEUE_CODE = 85  # exit status of a run that has stopped with a checkpoint: the same command goes on
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
_received: list[int] = []


class Stopped(Exception):  # noqa: N818  (nothing went wrong)
    """Raised in every process of a run once the checkpoint of ``step`` is on the disk."""

    def __init__(self, step: int, first: bool) -> None:
        super().__init__(f"stopped with a checkpoint at step {step}; the same command goes on")
        self.step, self.first = step, first  # first: of the processes, the one that speaks


@contextmanager
def listening(afterwards: signal.Handlers | None = None) -> Iterator[None]:
    """Note the signals instead of dying of them; may be nested. ``afterwards``: what they do then, if not as before."""
    before = {number: signal.signal(number, lambda received, _: _received.append(received)) for number in SIGNALS
              if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if afterwards is None else afterwards)
        _received.clear()


def requested() -> bool:
    """Whether this process was asked to stop."""
    return bool(_received)


@contextmanager
def shielded() -> Iterator[None]:
    """Processes started within do not see the signals, which schedulers send to the whole tree: a loader's workers
    must live until the step under way has its audio. `heed_parent` is to be called in them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def heed_parent(_worker: int) -> None:
    """In a shielded process: end when the one that started it says so, and at nobody else's signal."""
    parent = os.getppid()

    def wait() -> None:
        while signal.sigwaitinfo(SIGNALS).si_pid != parent:
            continue
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
