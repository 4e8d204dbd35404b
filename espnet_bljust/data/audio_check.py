"""The audio behind a data directory: is it there, and on request is it whole, mono and of the right rate."""

import os
from pathlib import Path

from espnet_bljust.data.audio import ARCHIVE, read_channels
from espnet_bljust.data.tables import walk_table
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress


def check_audio(path: Path, *, rate: int | None = None) -> list[str]:
    """Problems as ``wav.scp:line: ...``. With ``rate`` in Hz all audio is decoded; without, files must only exist."""
    problems: list[str] = []
    for line, key, entry in progress(walk_table(path / "wav.scp", problems), f"check {path}"):
        found = _missing(entry) if rate is None else _wrong(entry, rate)
        if found:
            problems.append(f"{path / 'wav.scp'}:{line}: {key}: {found}")
    return problems


def _missing(entry: str) -> str:
    match = ARCHIVE.fullmatch(entry)
    if entry.endswith("|") or os.path.isfile(entry) or (match and os.path.isfile(match["path"])):
        return ""
    return f"{entry}: no such audio file. Relative paths start in the recipe's folder."


def _wrong(entry: str, rate: int) -> str:
    try:
        samples, found_rate = read_channels(entry)
    except InputError as error:
        return str(error)
    if samples.shape[1] != 1:
        return f"{entry}: {samples.shape[1]} channels where one is due. Mix down: --mixdown true in stage 3."
    if found_rate != rate:
        return f"{entry}: {found_rate} Hz where {rate} Hz are due. Stage 3 resamples: give it this folder."
    return ""
