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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.corpus.delimited import read_rows
from espnet_bljust.disk.archive import extract
from espnet_bljust.disk.download import download
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.sorting import record
from espnet_bljust.errors import InputError

ARCHIVES = (".tar.gz", ".tgz", ".tar")
SPLITS = ("train", "dev", "test")
COVOST, COMMON_VOICE = "CoVoST 2", "Common Voice"  # where splits come from
FILE, ROW, SPLIT = "file", "row", "split"  # kinds of evidence
OTHER, INVALIDATED = 8, 9  # ranks of tables that validate nothing
SPLIT_NAMES = {"train": "train", "train_covost": "train", "dev": "dev", "test": "test"}


class Release(NamedTuple):
    """Where the parts of one language are."""

    folder: Path
    covost: Path | None  # folder of CoVoST 2's tables
    language: str

    @property
    def clips(self) -> Path:
        return self.folder / "clips"


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


def evidence(release: Release, problems: list[str]) -> Iterator[str]:
    """All that is said of each clip, as records by its file name, in no order.

    ("file", bytes)   ("split", name)   ("row", where, speaker, sentence, rank): tables of less rank go first
    """
    with os.scandir(release.clips) as entries:
        for entry in entries:
            yield record(entry.name, FILE, str(entry.stat().st_size))
    for rank, path in enumerate(validated_tables(release)):
        yield from _rows(path, release.language, rank, problems)
    for rank, name in enumerate(("other", "invalidated")):
        if (path := release.folder / f"{name}.tsv").is_file():
            yield from _rows(path, release.language, (OTHER, INVALIDATED)[rank], problems)
    for name, split in read_splits(release, problems):
        yield record(name, SPLIT, split)


def validated_tables(release: Release) -> list[Path]:
    """Tables of clips with a transcript that counts: validated.tsv, and the splits where they stand alone."""
    tables = [release.folder / f"{name}.tsv" for name in ("validated", *SPLITS)]
    if release.covost:
        tables += [release.covost / f"covost_v2.{release.language}_en.{split}.tsv" for split in SPLITS]
    there = [path for path in tables if path.is_file()]
    if not there:
        raise InputError(f"{tables[0]}: no such table, and no split either. Extract the release again.")
    return there


def _rows(path: Path, language: str, rank: int, problems: list[str]) -> Iterator[str]:
    """The rows of one of Common Voice's tables."""
    columns = {name: [name] for name in ("client_id", "path", "sentence", "locale")}
    for line, row in read_rows(path, columns, ("client_id", "path", "sentence"), problems):
        name, where = _file_name(row["path"]), f"{path}:{line}"
        if row.get("locale", language) != language:
            raise InputError(f"{where}: {name} is of locale {row['locale']}, not {language}. Correct --lang.")
        if not row["client_id"]:
            problems.append(f"{where}: {name} has no client_id. Drop the line.")
        else:
            sentence = " ".join(row["sentence"].split())
            yield record(name, ROW, where, _speaker(row["client_id"]), sentence, str(rank))


def origin_of_splits(release: Release) -> str:
    """CoVoST 2, Common Voice, or nothing and why: where a table is missing or empty, speakers tell the sets apart."""
    if release.covost:
        return COVOST
    tables = [release.folder / f"{split}.tsv" for split in SPLITS]
    missing = [path.name for path in tables if not path.is_file()]
    if 0 < len(missing) < len(tables):
        names = ", ".join(missing)
        raise InputError(f"{release.folder}: {names} missing beside the other splits. Extract the release again.")
    for split, path in zip(SPLITS, tables, strict=True):
        if missing or not any(read_rows(path, {"path": ["path"]}, ("path",), [])):
            return "speakers, since there is no " + (f"{split}.tsv" if missing else f"clip in {split}.tsv")
    return COMMON_VOICE


def read_splits(release: Release, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Clip and train, train_covost, dev or test."""
    origin = origin_of_splits(release)
    columns = {"path": ["path"], "split": ["split"]}
    folder, name = release.covost or release.folder, f"covost_v2.{release.language}_en"
    whole = folder / f"{name}.tsv"
    if origin == COVOST and whole.is_file():
        for line, row in read_rows(whole, columns, ("path", "split"), problems):
            if row["split"] in SPLIT_NAMES:
                yield _file_name(row["path"]), row["split"]
            else:
                problems.append(f"{whole}:{line}: split {row['split']!r} is none of {', '.join(SPLIT_NAMES)}.")
    elif origin in (COVOST, COMMON_VOICE):
        for split in SPLITS:
            path = folder / (f"{name}.{split}.tsv" if origin == COVOST else f"{split}.tsv")
            if not path.is_file():
                raise InputError(f"{path}: no such file, and no {whole.name} either. Put CoVoST 2's tables there.")
            for _, row in read_rows(path, columns, ("path",), []):  # what is wrong in it is told by its rows
                yield _file_name(row["path"]), split


def _file_name(path: str) -> str:
    """The first releases leave the ending out."""
    return path if path.endswith(".mp3") else path + ".mp3"


def _speaker(client: str) -> str:
    """A short name for Common Voice's ids of 128 hexadecimal digits."""
    return hashlib.blake2b(client.encode(), digest_size=6).hexdigest()
