"""A folder of audio without transcripts as a Kaldi directory: every file an utterance, every subfolder a speaker."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.data.distinct import Distinct
from espnet_bljust.data.problems import raise_listed
from espnet_bljust.data.rows import Row, grow_sets, place_sets
from espnet_bljust.errors import InputError

ENDINGS = {".flac", ".wav", ".sph", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
           ".w64"}  # fmt: skip


def walk_files(folder: Path) -> Iterator[os.DirEntry]:
    """Every file below ``folder``, in no order, none kept in memory; links are followed, but not back up."""
    folders = [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_file():
                    yield entry
                elif entry.is_dir() and not (entry.is_symlink() and _is_above(entry.path)):
                    folders.append(entry.path)


def _is_above(path: str) -> bool:
    """Whether a link leads to the folder that it stands in, or to one above."""
    here = Path(path).parent.resolve()
    return Path(path).resolve() in (here, *here.parents)


def by_folder(folder: Path, path: str) -> str:
    """The speaker that subfolders tell: their names joined, or the name of ``folder`` itself."""
    parent = os.path.relpath(os.path.dirname(path), folder)
    return folder.resolve().name if parent == "." else parent.replace(os.sep, "_")


def scan_audio_folder(folder: Path | str, *, prefix: str = "") -> Iterator[Row]:
    """All audio below ``folder``; ids ``<prefix><subfolders>-<file>`` with odd characters as ``_``."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of audio. Check the name.")
    found = False
    for entry in walk_files(folder):
        stem, ending = os.path.splitext(entry.name)
        if ending.lower() in ENDINGS:
            found = True
            speaker = prefix + re.sub(r"[^\w.]", "_", by_folder(folder, entry.path))
            yield Row(f"{speaker}-{re.sub(r'[^\w.-]', '_', stem)}", speaker, os.path.abspath(entry.path))
    if not found:
        raise InputError(f"{folder}: no audio in it ({' '.join(sorted(ENDINGS))}). Check the name.")


def write_unlabelled(folder: str) -> list[str]:
    """data/unlabelled of a user's folder of audio, and what to say of it; nothing where no folder is named."""
    if not folder:
        return []
    data, utterances, speakers = Path("data"), 0, Distinct()

    def counted() -> Iterator[Row]:
        nonlocal utterances
        for row in scan_audio_folder(folder, prefix="unlabelled_"):
            utterances += 1
            speakers.add(row.speaker)
            yield row

    problems = grow_sets(data, {"unlabelled": counted()}, without_text={"unlabelled"})
    raise_listed(problems, data / "unlabelled_problems.txt", folder)
    place_sets(data, ["unlabelled"])
    return [f"unlabelled {utterances} files, {len(speakers)} folders"]
