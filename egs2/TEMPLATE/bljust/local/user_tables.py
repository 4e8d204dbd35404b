"""A user's table of audio files and transcripts."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from user_reading import NOT_READ, Reading, utterance
from user_splits import SPLITS, split_named

from espnet_bljust.data.corpus.delimited import read_rows
from espnet_bljust.data.corpus.folder import ENDINGS, walk_files
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.sorting import open_lines

BESIDE_TABLE = ("", "clips", "wavs", "audio")  # Common Voice has clips/, LJSpeech wavs/
COLUMNS = {
    "path": ["path", "file", "file_name", "filename", "audio", "wav"],
    "text": ["text", "sentence", "transcript", "transcription", "words"],
    "speaker": ["speaker", "speaker_id", "client_id", "spk"],
    "split": ["split", "set", "subset"],
}


def read_table(source: Path, how: Reading) -> Iterator[Utterance]:
    """A row an audio file; paths start in the table's folder, or in one of BESIDE_TABLE there.

    Paths are strings here: Python 3.12 keeps every part of a Path for good.
    """
    beside = [os.path.abspath(source.parent / folder) for folder in BESIDE_TABLE]
    inside = how.tables.setdefault(source.parent, {source.name})
    named = {key: [name.lower(), *([] if how.labelled else COLUMNS[key])] for key, name in how.columns.items()}
    required = {"path", "text", *how.columns} if how.labelled else {"path"}
    for line, row in read_rows(source, COLUMNS | named, required, how.problems):
        where = f"{source}:{line}"
        tried = (os.path.normpath(os.path.join(folder, row["path"])) for folder in beside)
        path = next((form for path in tried for form in forms(path) if os.path.isfile(form)), None)
        if path is not None:
            how.named.add(path)
            inside.add(os.path.relpath(path, source.parent).split(os.sep)[0])
        if path is None:
            how.problems.append(f"{where}: {row['path'] or 'no path'}: no such audio file. Correct the path.")
        elif (ending := os.path.splitext(path)[1]).lower() in NOT_READ:
            how.problems.append(f"{path}: libsndfile does not read {ending}. Convert it with ffmpeg.")
        elif not os.path.getsize(path):
            how.problems.append(f"{path}: 0 bytes. Replace the recording, or drop it.")
        else:
            by_source = row.get("speaker") or os.path.basename(os.path.dirname(row["path"])) or source.stem
            found = utterance(how, path, row["text"] if how.labelled else "", by_source, where)
            if found is not None:
                yield _split(found, row.get("split"), how.problems)


def audio_in_no_row(how: Reading, found: Path) -> list[str]:
    """A warning of audio beside tables that no row names, all of it in the file ``found``."""
    count = 0
    named = how.named.hashes()
    with open_lines(found, "w") as file:
        for path in _beside(how.tables):
            place = int(np.searchsorted(named, hash(path)))
            if place == len(named) or named[place] != hash(path):
                count += 1
                file.write(f"{path}\n")
    if not count:
        found.unlink()
        return []
    return [f"WARNING: {count} audio files lie beside tables, and no row names them: not used, listed in {found}"]


def _beside(tables: dict[Path, set[str]]) -> Iterator[str]:
    """Audio in the folder of a table, and below the folders in it that its rows name or such are called."""
    for folder, inside in tables.items():
        for entry in os.scandir(folder):
            below = entry.is_dir() and entry.name in inside | {*BESIDE_TABLE}
            for file in walk_files(Path(entry.path)) if below else [entry] if entry.is_file() else []:
                if os.path.splitext(file.name)[1].lower() in ENDINGS:
                    yield file.path


def forms(path: str) -> tuple[str, str, str]:
    """A path as it is written, and in the two forms of Unicode that a disk may have it in."""
    return path, unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path)


def _split(found: Utterance, name: str | None, problems: list[str]) -> Utterance:
    """With its set, where the table names one."""
    if found.text is None or name is None:
        return found
    split = split_named(name)
    if not split:
        problems.append(f"{found.where}: split {name!r} is none of {', '.join(SPLITS)}. Correct it.")
        return found._replace(text=None)
    return found._replace(split=split)
