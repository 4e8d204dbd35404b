"""A folder of audio without transcripts as a Kaldi directory: every file an utterance, every subfolder a speaker."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from espnet_bljust.data.kaldi_dir import KaldiDir, write_dir
from espnet_bljust.errors import InputError

ENDINGS = {".flac", ".wav", ".sph", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
           ".w64"}  # fmt: skip


def scan_audio_folder(folder: Path | str, *, prefix: str = "", skip: Collection[str] = ()) -> KaldiDir:
    """All audio below ``folder``, also in linked folders; odd characters of an id become ``_``.

    ``skip``: names of folders that are left out with all that is in them.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of audio. Check the name.")
    wavs: dict[str, str] = {}
    speakers: dict[str, str] = {}
    audio = (place / name for place, names in walk_folders(folder, skip) for name in names if is_audio(name))
    for path in sorted(path for path in audio if path.is_file()):
        relative = path.relative_to(folder)
        speaker = prefix + re.sub(r"[^\w.]", "_", "_".join(relative.parent.parts) or folder.resolve().name)
        utterance = f"{speaker}-{re.sub(r'[^\w.-]', '_', relative.stem)}"
        if utterance in wavs:
            raise InputError(f"{path}: the id {utterance} is that of {wavs[utterance]} too. Rename one of them.")
        wavs[utterance], speakers[utterance] = str(path.absolute()), speaker
    if not wavs:
        raise InputError(f"{folder}: no audio in it ({' '.join(sorted(ENDINGS))}). Check the name.")
    return KaldiDir(wavs=wavs, utt2spk=speakers)


def is_audio(name: str) -> bool:
    """Whether a file of this name may be audio."""
    return Path(name).suffix.lower() in ENDINGS


def walk_folders(top: Path, skip: Collection[str] = ()) -> Iterator[tuple[Path, list[str]]]:
    """Each folder below ``top`` with its files' names, in order; one that links lead to twice, or round, comes once."""
    seen: set[Path] = set()
    for folder, subfolders, names in top.walk(follow_symlinks=True):
        if folder.resolve() in seen:
            subfolders.clear()
            continue
        seen.add(folder.resolve())
        subfolders[:] = sorted(name for name in subfolders if name not in skip)
        yield folder, sorted(names)


def write_unlabelled(folder: str, *, skip: Collection[str] = ()) -> list[str]:
    """data/unlabelled of a user's folder of audio, and what to say of it; nothing where no folder is named."""
    if not folder:
        return []
    directory = scan_audio_folder(folder, prefix="unlabelled_", skip=skip)
    write_dir("data/unlabelled", directory)
    return [f"unlabelled {len(directory.wavs)} files, {len(set(directory.utt2spk.values()))} folders"]
