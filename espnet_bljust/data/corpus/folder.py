"""A folder of audio without transcripts as a Kaldi directory: every file an utterance, every subfolder a speaker."""

import heapq
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from espnet_bljust.data.corpus.names import Speakers, plain_name
from espnet_bljust.data.kaldi.new_sets import grow_sets, place_sets
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.distinct import Distinct
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.errors import InputError

ENDINGS = {".flac", ".wav", ".sph", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
           ".w64"}  # fmt: skip


def walk_files(top: Path, skip: Collection[str] = ()) -> Iterator[os.DirEntry]:
    """Every file below ``top``, in no order, none kept in memory; not those of folders whose name is in ``skip``.

    Links to folders are followed when all else has been seen, in their order; a folder comes once.
    """
    folders, links, seen = [str(top)], [], set()
    while folders or links:
        here = folders.pop() if folders else heapq.heappop(links)
        state = os.stat(here)
        if hash((state.st_dev, state.st_ino)) in seen:
            continue
        seen.add(hash((state.st_dev, state.st_ino)))
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name not in skip:
                        heapq.heappush(links, entry.path) if entry.is_symlink() else folders.append(entry.path)
                elif entry.is_file() or entry.is_symlink():  # a link to nothing is for the caller to complain of
                    yield entry


def by_folder(folder: Path, path: str) -> str:
    """The speaker that subfolders tell: their path in ``folder``, or the name of ``folder`` itself."""
    parent = os.path.relpath(os.path.dirname(path), folder)
    return folder.resolve().name if parent == "." else parent


def scan_audio_folder(folder: Path | str, *, prefix: str = "", skip: Collection[str] = ()) -> Iterator[Utterance]:
    """All audio below ``folder``, also in linked folders; InputError for two that would be one speaker.

    ``skip``: names of folders that are left out with all that is in them.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of audio. Check the name.")
    any_audio, speakers, problems = False, Speakers(), list[str]()
    for entry in walk_files(folder, skip):
        stem, ending = os.path.splitext(entry.name)
        if ending.lower() in ENDINGS:
            any_audio = True
            speaker = speakers.plain(prefix + by_folder(folder, entry.path), entry.path, problems)
            if speaker is None:
                raise InputError(problems[0])
            yield Utterance(f"{speaker}-{plain_name(stem)}", speaker, os.path.abspath(entry.path))
    if not any_audio:
        raise InputError(f"{folder}: no audio in it ({' '.join(sorted(ENDINGS))}). Check the name.")


def write_unlabelled(folder: str, *, skip: Collection[str] = ()) -> list[str]:
    """data/unlabelled of a user's folder of audio, and what to say of it; nothing where no folder is named."""
    if not folder:
        return []
    data, utterances, speakers = Path("data"), 0, Distinct()

    def counted() -> Iterator[Utterance]:
        nonlocal utterances
        for row in scan_audio_folder(folder, prefix="unlabelled_", skip=skip):
            utterances += 1
            speakers.add(row.speaker)
            yield row

    problems = grow_sets(data, {"unlabelled": counted()}, without_text={"unlabelled"})
    raise_listed(problems, data / "unlabelled_problems.txt", folder)
    place_sets(data, ["unlabelled"])
    return [f"unlabelled {utterances} files, {len(speakers)} folders"]
