"""Common Voice and CoVoST 2 on disk.

    <release>/<lang>/clips/*.mp3
    <release>/<lang>/{validated,other,train,dev,test}.tsv     client_id, path, sentence, ... (10 columns in release 6.1,
                                                              13 in those of 2024), a clip a row
    covost_v2.<lang>_en.tsv                                   path, translation, split (train, train_covost, dev, test)
    covost_v2.<lang>_en.{train,dev,test}.tsv                  path, sentence, translation, client_id, made from it and
                                                              validated.tsv by CoVoST's get_covost_splits.py
Source of the last two: github.com/facebookresearch/covost, README.md and get_covost_splits.py.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.archive import extract
from espnet_bljust.data.delimited import read_rows
from espnet_bljust.data.download import download
from espnet_bljust.data.files import write_atomic
from espnet_bljust.errors import InputError

ARCHIVES = (".tar.gz", ".tgz", ".tar")
SPLITS = ("train", "dev", "test")
SPLIT_NAMES = {"train": "train", "train_covost": "train", "dev": "dev", "test": "test"}


class Clip(NamedTuple):
    """One row of a table."""

    speaker: str
    sentence: str

    def utterance(self, name: str) -> str:
        """Its id, the speaker first as Kaldi's sorting wants."""
        return f"{self.speaker}-{name.removesuffix('.mp3')}"


class Splits(NamedTuple):
    """Clip -> train, train_covost, dev or test; and where this comes from."""

    of_clip: dict[str, str]
    origin: str


def unpacked(source: Path, downloads: Path) -> Path:
    """``source``, or the folder in ``downloads`` that it is unpacked into when it is an archive."""
    if source.is_dir():
        return source
    ending = next((ending for ending in ARCHIVES if source.name.endswith(ending)), None)
    if ending is None or not source.is_file():
        raise InputError(f"{source}: no folder and no .tar.gz archive. Name what you got from Common Voice or CoVoST.")
    folder = downloads / source.name.removesuffix(ending)
    facts = source.stat()  # compared for being the same, not for being older: clocks jump, and copies keep old times
    mark, state = folder.with_name(folder.name + ".from"), f"{facts.st_size} {facts.st_mtime_ns}\n"
    if not folder.is_dir() or not mark.is_file() or mark.read_text() != state:
        if source.with_name(source.name + ".sha256").is_file():
            download([], source)  # nothing to fetch, so it compares
        extract(source, folder)
        write_atomic(mark, state)
    return folder


def find_language(root: Path, language: str) -> Path:
    """The one folder with clips/ of ``language``: ``root`` itself, <lang> in it, or <release>/<lang> in it."""
    candidates = [root, root / language, *sorted(root.glob(f"*/{language}"))]
    found = [folder for folder in candidates if (folder / "clips").is_dir()]
    if not found:
        raise InputError(f"{root}: no {language}/clips in it. Name a Common Voice release, or extract it again.")
    if len(found) > 1:
        raise InputError(f"{root}: {len(found)} folders of {language}: {found[0]} and {found[1]}. Name one of them.")
    return found[0]


def read_clips(path: Path, language: str, problems: list[str]) -> dict[str, Clip]:
    """Clip file name -> Clip, of one of Common Voice's tables."""
    columns = {name: [name] for name in ("client_id", "path", "sentence", "locale")}
    clips: dict[str, Clip] = {}
    for line, row in read_rows(path, columns, ("client_id", "path", "sentence"), problems):
        name = _file_name(row["path"])
        if row.get("locale", language) != language:
            raise InputError(f"{path}:{line}: {name} is of locale {row['locale']}, not {language}. Correct --lang.")
        if name in clips:
            problems.append(f"{path}:{line}: {name} stands there already. Drop the line.")
        elif not row["client_id"]:
            problems.append(f"{path}:{line}: {name} has no client_id. Drop the line.")
        else:
            clips[name] = Clip(_speaker(row["client_id"]), row["sentence"])
    return clips


def read_validated(folder: Path, covost: Path | None, language: str, problems: list[str]) -> dict[str, Clip]:
    """All clips with a transcript that counts: of validated.tsv, and of the splits where they stand alone."""
    tables = [folder / f"{name}.tsv" for name in ("validated", *SPLITS)]
    tables += [covost / f"covost_v2.{language}_en.{split}.tsv" for split in SPLITS] if covost else []
    there = [path for path in tables if path.is_file()]
    if not there:
        raise InputError(f"{tables[0]}: no such table, and no split either. Extract the release again.")
    clips: dict[str, Clip] = {}
    for path in there:
        clips |= {name: clip for name, clip in read_clips(path, language, problems).items() if name not in clips}
    return clips


def _file_name(path: str) -> str:
    """The first releases leave the ending out."""
    return path if path.endswith(".mp3") else path + ".mp3"


def _speaker(client: str) -> str:
    """A short name for Common Voice's ids of 128 hexadecimal digits."""
    return hashlib.blake2b(client.encode(), digest_size=6).hexdigest()


def read_covost(folder: Path, language: str, problems: list[str]) -> Splits:
    """CoVoST 2's own splits, from either form."""
    whole = folder / f"covost_v2.{language}_en.tsv"
    columns = {"path": ["path"], "split": ["split"]}
    of_clip: dict[str, str] = {}
    if whole.is_file():
        for line, row in read_rows(whole, columns, ("path", "split"), problems):
            if row["split"] in SPLIT_NAMES:
                of_clip[_file_name(row["path"])] = row["split"]
            else:
                problems.append(f"{whole}:{line}: split {row['split']!r} is none of {', '.join(SPLIT_NAMES)}.")
        return Splits(of_clip, "CoVoST 2")
    for split in SPLITS:
        path = folder / f"covost_v2.{language}_en.{split}.tsv"
        if not path.is_file():
            raise InputError(f"{path}: no such file, and no {whole.name} either. Put CoVoST 2's tables there.")
        for _, row in read_rows(path, columns, ("path",), problems):
            of_clip[_file_name(row["path"])] = split
    return Splits(of_clip, "CoVoST 2")


def read_own_splits(folder: Path, language: str, problems: list[str]) -> Splits:
    """Common Voice's train, dev and test; no split at all where one of them is missing or empty."""
    tables = [folder / f"{split}.tsv" for split in SPLITS]
    missing = [path.name for path in tables if not path.is_file()]
    if 0 < len(missing) < len(tables):
        raise InputError(f"{folder}: {', '.join(missing)} missing beside the other splits. Extract the release again.")
    of_clip: dict[str, str] = {}
    for split, path in zip(SPLITS, tables, strict=True):
        names = [] if missing else read_clips(path, language, problems)
        if not names:
            return Splits({}, "speakers, since there is no " + (f"{split}.tsv" if missing else f"clip in {split}.tsv"))
        of_clip |= dict.fromkeys(names, split)
    return Splits(of_clip, "Common Voice")


def sizes(folder: Path) -> dict[str, int]:
    """Name -> bytes of every file in ``folder``."""
    with os.scandir(folder) as entries:
        return {entry.name: entry.stat().st_size for entry in entries}
