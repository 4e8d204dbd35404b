"""What all readers of a user's corpus share: how to read, what to say, and one audio file as an utterance."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.corpus.names import Speakers, plain_name
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.distinct import Distinct
from espnet_bljust.errors import InputError

NOT_READ = {".m4a", ".mp4", ".aac", ".wma", ".amr", ".3gp", ".webm", ".mka", ".mkv", ".mov", ".ape", ".ra"}
TEXT_ENDINGS = (".txt", ".lab", ".mb", ".eaf", ".textgrid", ".srt", ".vtt")
Speaker = Callable[[str, str], str]  # file name without ending, and the speaker that the source itself suggests


class Reading(NamedTuple):
    """How to read a source, and where to note what is wrong."""

    speaker: Speaker
    problems: list[str]
    spool: Path  # folder for what is sorted
    speakers: Speakers
    said: list[str]  # what the user should know
    named: Distinct  # audio files that were read, or that a table names
    tables: dict[Path, set[str]]  # folder of a table -> the entries of it in which its audio lies
    unread: Counter[str]  # ending -> files of text beside a transcript that was read
    labelled: bool = True  # take transcripts
    columns: Mapping[str, str] = {}  # of tables, where the user names them: path, text, speaker, split -> header
    endings: tuple[str, ...] = TEXT_ENDINGS  # of files with transcripts; of several beside an audio file the first
    tiers: Sequence[str] = ()  # of ELAN and Praat; none: the one with text
    base: Path | None = None  # of sets in folders: where the names of speakers begin


def speaker_by(pattern: str) -> Speaker:
    """Speakers by the source, or by the first group (else the whole match) of ``pattern`` in the file name."""
    if not pattern:
        return lambda name, suggested: suggested
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--speaker_pattern {pattern}: no regular expression ({error}). Correct it.") from None

    def find(name: str, suggested: str) -> str:
        match = expression.search(name)
        if not match:
            raise InputError(f"--speaker_pattern {pattern}: not in the file name {name}. Correct the pattern.")
        return match[1] if expression.groups else match[0]

    return find


def named_columns(option: str) -> dict[str, str]:
    """``path=Datei text='Der Satz'`` as a dictionary."""
    pairs = [word.partition("=") for word in quoted_words("--columns", option)]
    for key, _, name in pairs:
        if key not in ("path", "text", "speaker", "split") or not name:
            raise InputError(f"--columns {option}: {key!r} is none of path=, text=, speaker=, split= with a name.")
    return {key: name for key, _, name in pairs}


def quoted_words(name: str, option: str) -> list[str]:
    """Of an option's value, '...' as one."""
    try:
        return shlex.split(option)
    except ValueError as error:
        raise InputError(f"{name} {option}: {error}. Close the quotation marks.") from None


def named_endings(option: str) -> tuple[str, ...]:
    """``.txt mb`` as endings in small letters."""
    return tuple(f".{word.lower().removeprefix('.')}" for word in option.split()) or TEXT_ENDINGS


def utterance(how: Reading, path: str, text: str, suggested: str, where: str = "") -> Utterance | None:
    """One audio file, with an id made of its speaker and name; None where its speaker cannot be told from another."""
    how.named.add(path)
    base = os.path.splitext(os.path.basename(path))[0]
    speaker = how.speakers.plain(how.speaker(base, suggested), where or path, how.problems)
    if speaker is None:
        return None
    name = plain_name(base)
    identity = name if name.startswith(f"{speaker}-") else f"{speaker}-{name}"
    return Utterance(identity, speaker, path, text or None, where=where)
