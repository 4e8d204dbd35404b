"""Progress with a rate and the time left: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator

from tqdm import tqdm

LINE_INTERVAL_SECONDS = 15.0


def progress[T](
    items: Iterable[T], what: str, *, total: int | None = None, unit: str = "utt", lines: bool = True
) -> Iterator[T]:
    """Yield from ``items`` and report on stderr; ``total`` defaults to ``len(items)`` where it has one.

    ``lines=False``: no lines where there is no terminal, for a caller that writes its own.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total, unit=unit, dynamic_ncols=True)
        return
    if not lines:
        yield from items
        return
    start = last = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_INTERVAL_SECONDS:
            last = now
            print(progress_line(what, count, total, now - start, unit), file=sys.stderr, flush=True)


def progress_line(what: str, count: int, total: int | None, seconds: float, unit: str) -> str:
    """``what: 40/100 utt, 8.0 utt/s, 0:07 left``; without a total, no time left; slow work has its digits (0.033)."""
    rate = count / seconds if seconds > 0 else 0.0
    line = f"{what}: {count}{f'/{total}' if total else ''} {unit}, {rate:{'.1f' if rate >= 1 else '.2g'}} {unit}/s"
    if total and rate > 0:
        line += f", {duration(max(total - count, 0) / rate)} left"
    return line


def duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``: hours, minutes and seconds without leading zero parts; from a day on ``3 d 4 h``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 24:
        return "{:,} d {} h".format(*divmod(round(seconds / 3600), 24))
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
