"""A folder of audio without transcripts as a Kaldi directory: every file an utterance, every subfolder a speaker."""

import re
from pathlib import Path

from espnet_bljust.data.kaldi_dir import KaldiDir, write_dir
from espnet_bljust.errors import InputError

ENDINGS = {".flac", ".wav", ".sph", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
           ".w64"}  # fmt: skip


def scan_audio_folder(folder: Path | str, *, prefix: str = "") -> KaldiDir:
    """All audio below ``folder``; ids ``<prefix><subfolders>-<file>`` with odd characters as ``_``."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of audio. Check the name.")
    wavs: dict[str, str] = {}
    speakers: dict[str, str] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file()):
        relative = path.relative_to(folder)
        speaker = prefix + re.sub(r"[^\w.]", "_", "_".join(relative.parent.parts) or folder.resolve().name)
        utterance = f"{speaker}-{re.sub(r'[^\w.-]', '_', relative.stem)}"
        if utterance in wavs:
            raise InputError(f"{path}: the id {utterance} is that of {wavs[utterance]} too. Rename one of them.")
        wavs[utterance], speakers[utterance] = str(path.absolute()), speaker
    if not wavs:
        raise InputError(f"{folder}: no audio in it ({' '.join(sorted(ENDINGS))}). Check the name.")
    return KaldiDir(wavs=wavs, utt2spk=speakers)


def write_unlabelled(folder: str) -> list[str]:
    """data/unlabelled of a user's folder of audio, and what to say of it; nothing where no folder is named."""
    if not folder:
        return []
    directory = scan_audio_folder(folder, prefix="unlabelled_")
    write_dir("data/unlabelled", directory)
    return [f"unlabelled {len(directory.wavs)} files, {len(set(directory.utt2spk.values()))} folders"]
