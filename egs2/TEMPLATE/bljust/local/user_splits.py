"""A user's own sets: the names that mean train, dev or test, and the folders and tables that bear them.

train, Training, train-clean-100, trn2; dev, development, valid, validation, val; test, eval, evaluation, tst2010 ...
The sets lie in the source, or up to LEVELS folders deeper (data/train, anna/train). Tables go before folders, which may
hold the audio of the tables of their names.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.corpus.folder import ENDINGS, walk_files

WORDS = {"train": "train training trn", "dev": "dev devel development valid validation val",
         "test": "test testing tst eval evaluation"}  # fmt: skip
SPLITS = {word: split for split, words in WORDS.items() for word in words.split()}
NAME = re.compile(rf"(?P<word>{'|'.join(sorted(SPLITS, key=len, reverse=True))})(set)?([-_. ].*|\d.*)?")
TABLES = (".csv", ".tsv")
LEVELS = 2


class Sets(NamedTuple):
    """What was found."""

    parts: list[tuple[str, Path]]  # split and the folder or table that is of it, several of one split perhaps
    base: Path  # in which folders tell speakers
    beside: list[Path]  # what lies beside the parts


def split_named(name: str) -> str:
    """train, dev or test; empty for a name of none."""
    match = NAME.fullmatch(name.casefold())
    return SPLITS[match["word"]] if match else ""


def find_sets(source: Path) -> Sets | None:
    """The sets of ``source``: train and at least one of the others; else None."""
    level = [source]
    for _ in range(LEVELS + 1):
        here = {folder: found for folder in level if (found := _parts(folder))}
        parts = [part for found in here.values() for part in found]
        if {split for split, _ in parts} > {"train"}:
            taken = {path for _, path in parts}
            beside = [path for folder in here for path in sorted(folder.iterdir()) if path not in taken]
            beside += [folder for folder in level if folder not in here]
            return Sets(parts, next(iter(here)) if len(here) == 1 else source, beside)
        level = [path for folder in level for path in sorted(folder.iterdir()) if path.is_dir()]
    return None


def _parts(folder: Path) -> list[tuple[str, Path]]:
    """What in a folder has the name of a set: tables if one of them has, else folders."""
    entries = sorted(folder.iterdir())
    tables = [path for path in entries if path.suffix.lower() in TABLES]
    for kind in (tables, [path for path in entries if path.is_dir()]):
        found = [(split, path) for path in kind if (split := split_named(path.stem if path.is_file() else path.name))]
        if found:
            return found
    return []


def said_of_sets(sets: Sets, source: Path) -> list[str]:
    """Which sets were taken, where several are of one split, and what lies beside them unread."""
    names: dict[str, list[str]] = {split: [] for split in WORDS}
    for split, path in sets.parts:
        names[split].append(str(path.relative_to(source)))
    said = ["split by " + "; ".join(f"{split}: {', '.join(found) or 'none'}" for split, found in names.items())]
    for split, found in names.items():
        words = {NAME.fullmatch(os.path.basename(name).casefold())["word"] for name in found}
        if len(words) > 1:
            every = " and ".join(found)
            said.append(f"WARNING: {every} are all taken for the {split} set. If one is not: move it away")
    tables = any(path.is_file() for _, path in sets.parts)
    left = [_left(path, source) for path in sets.beside if not (tables and path.is_dir())]
    if any(left):
        said.append(f"WARNING: beside the sets and not read: {', '.join(filter(None, left))}. "
                    "Audio without transcripts: --unlabelled")
    return said


def _left(path: Path, source: Path) -> str:
    """A folder with audio, an audio file or a table; empty for what is none."""
    name = str(path.relative_to(source))
    if path.is_dir():
        count = sum(os.path.splitext(entry.name)[1].lower() in ENDINGS for entry in walk_files(path))
        return f"{name}/ ({count} audio files)" if count else ""
    return name if path.suffix.lower() in {*TABLES, *ENDINGS} else ""


def speaker_in_sets(base: Path, path: str) -> str:
    """The speaker that folders tell: the path in ``base`` without the name of the set; of the set itself, its name."""
    parts = os.path.relpath(os.path.dirname(path), base).split(os.sep)
    named = next((place for place, part in enumerate(parts) if split_named(part)), len(parts))
    return "/".join([*parts[:named], *parts[named + 1 :]] or parts)
