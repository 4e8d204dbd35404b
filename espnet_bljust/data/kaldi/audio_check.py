"""The audio behind a data directory: is it there, and on request is it whole, mono and of the right rate."""

import os
from pathlib import Path

from espnet_bljust.data.audio.reading import ARCHIVE, files_of, is_pipe, read_channels
from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress


def check_audio(path: Path, *, rate: int | None = None, pipes: bool = False) -> list[str]:
    """Problems as ``wav.scp:line: ...``. With ``rate`` in Hz all audio is decoded; without, files must only exist.

    Commands are a problem unless ``pipes`` allows them.
    """
    problems: list[str] = []
    for line, key, entry in progress(walk_table(path / "wav.scp", problems), f"check {path}"):
        found = _missing(entry, pipes) if rate is None else _wrong(entry, rate, pipes)
        if found:
            problems.append(f"{path / 'wav.scp'}:{line}: {key}: {found}")
    return problems


def _missing(entry: str, pipes: bool) -> str:
    if is_pipe(entry):
        return "" if pipes else f"{entry[:200]}: a command, which is not run. If you trust it: --allow_pipes true."
    for file in files_of(entry):
        match = ARCHIVE.fullmatch(file)
        if not (os.path.isfile(file) or (match and os.path.isfile(match["path"]))):
            return f"{file}: no such audio file. Relative paths start in the recipe's folder."
    return ""


def _wrong(entry: str, rate: int, pipes: bool) -> str:
    try:
        samples, found_rate = read_channels(entry, pipes=pipes)
    except InputError as error:
        return str(error)
    if samples.shape[1] != 1:
        return f"{entry}: {samples.shape[1]} channels where one is due. Mix down: --mixdown true in stage 3."
    if found_rate != rate:
        return f"{entry}: {found_rate} Hz where {rate} Hz are due. Stage 3 resamples: give it this folder."
    return ""
