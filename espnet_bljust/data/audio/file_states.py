"""Size and time of the files behind an entry of wav.scp, by which one that was replaced under its name is known."""

import os
from collections.abc import Iterator

from espnet_bljust.data.audio.reading import ARCHIVE, files_of, is_pipe

State = tuple[int, int]  # bytes, and time of the last change in ns


def file_states(entry: str) -> Iterator[tuple[str, State | None]]:
    """Each file with its state, None for one that is not there; nothing for a command."""
    if is_pipe(entry):
        return
    for file in files_of(entry):
        match = ARCHIVE.fullmatch(file)
        found = state_of(file)
        if found is None and match:
            yield match["path"], state_of(match["path"])
        else:
            yield file, found


def state_of(file: str) -> State | None:
    try:
        facts = os.stat(file)
    except (OSError, ValueError):
        return None
    return facts.st_size, facts.st_mtime_ns
