"""A user's audio in any of the forms that docs/your_corpus.md lists, read into one.

folder      audio anywhere below; a transcript is <name>.txt beside it, or a line `<name> words` of a *.trans.txt there
Kaldi       a folder with wav.scp, utt2spk and, where there are transcripts, text; perhaps segments (user_kaldi.py)
table       .csv or .tsv with columns path and text, perhaps speaker and split; or a folder with one such table
sets        a folder with train, dev and test in it, each one of the above
Nothing is kept of what was read: utterances are handed on one by one, and what is wrong is noted in a list.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from user_kaldi import read_kaldi

from espnet_bljust.data.corpus.delimited import read_rows
from espnet_bljust.data.corpus.folder import ENDINGS, by_folder, walk_files
from espnet_bljust.data.corpus.gather import damage
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.text.normalise import damaged
from espnet_bljust.disk.sorting import grouped, record
from espnet_bljust.errors import InputError

NOT_READ = {".m4a", ".mp4", ".aac", ".wma", ".amr", ".3gp", ".webm", ".mka", ".mkv", ".mov", ".ape", ".ra"}
NO_TRANSCRIPTS = re.compile(r"(readme|licen[sc]e|copying|notice|changelog)\b.*", re.IGNORECASE)
SPLITS = {"train": "train", "training": "train", "dev": "dev", "valid": "dev", "validation": "dev", "val": "dev",
          "test": "test", "eval": "test"}  # fmt: skip
NOWHERE = "nowhere"  # in the place of a size
BESIDE_TABLE = ("", "clips", "wavs", "audio")  # Common Voice has clips/, LJSpeech wavs/
COLUMNS = {
    "path": ["path", "file", "file_name", "filename", "audio", "wav"],
    "text": ["text", "sentence", "transcript", "transcription", "words"],
    "speaker": ["speaker", "speaker_id", "client_id", "spk"],
    "split": ["split", "set", "subset"],
}
Speaker = Callable[[str, str], str]  # file name without ending, and the speaker that the source itself suggests


class Reading(NamedTuple):
    """How to read a source, and where to note what is wrong."""

    speaker: Speaker
    problems: list[str]
    spool: Path  # folder for what is sorted
    labelled: bool = True  # take transcripts


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


def read_source(source: Path, how: Reading) -> Iterator[Utterance]:
    """``source`` in whatever form it is."""
    if source.is_file():
        return read_table(source, how)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder or table. Check the name.")
    if (source / "wav.scp").is_file():
        return read_kaldi(source, labelled=how.labelled, problems=how.problems, spool=how.spool)
    if not how.labelled:
        return read_folder(source, how)
    sets = {SPLITS[path.name]: path for path in sorted(source.iterdir()) if path.is_dir() and path.name in SPLITS}
    if len(sets) == len(set(SPLITS.values())):
        return _read_sets(sets, how)
    tables = sorted(path for path in source.iterdir() if path.suffix in (".csv", ".tsv"))
    if len(tables) > 1:
        raise InputError(f"{source}: {len(tables)} tables: {tables[0].name}, {tables[1].name} ... Name one of them.")
    return read_table(tables[0], how) if tables else read_folder(source, how)


def _read_sets(sets: dict[str, Path], how: Reading) -> Iterator[Utterance]:
    """train, dev and test, each in a folder of its own."""
    for split, folder in sets.items():
        for found in read_source(folder, how):
            yield found if found.text is None else found._replace(split=split)


def _utterance(speaker: str, path: str, text: str, where: str = "") -> Utterance:
    """One audio file, with an id made of its speaker and name."""
    speaker = re.sub(r"[^\w.]", "_", speaker)
    name = re.sub(r"[^\w.-]", "_", os.path.splitext(os.path.basename(path))[0])
    utterance = name if name.startswith(f"{speaker}-") else f"{speaker}-{name}"
    return Utterance(utterance, speaker, path, text or None, where=where)


def read_folder(source: Path, how: Reading) -> Iterator[Utterance]:
    """All audio below ``source``, subfolders as speakers; in LibriSpeech's form what stands before the first hyphen."""
    any_audio = False
    for stem, members in grouped(_files(source, how), how.spool):  # by path without ending
        kinds = {kind: [values for other, *values in members if other == kind] for kind in ("audio", "text", "line")}
        any_audio |= bool(kinds["audio"])
        if not kinds["audio"]:
            alone = [name for (name,) in kinds["text"] if name.endswith(".txt") and not NO_TRANSCRIPTS.match(name)]
            if alone or kinds["line"]:
                how.problems.append(f"{stem}: a transcript without audio. Add the audio, or remove it.")
            continue
        text = _transcript(stem, kinds, how.problems)
        for name, size in kinds["audio"]:
            ending = os.path.splitext(name)[1]
            if ending.lower() in NOT_READ:
                remedy = f"Convert it: ffmpeg -i {name} {name.removesuffix(ending)}.flac."
                how.problems.append(f"{stem}{ending}: libsndfile does not read {ending}. {remedy}")
            elif size == NOWHERE:
                how.problems.append(f"{stem}{ending}: a link to nothing. Mend it, or drop it.")
            elif size == "0":
                how.problems.append(f"{stem}{ending}: 0 bytes. Replace the recording, or drop it.")
            else:
                base = os.path.basename(stem)
                suggested = base.split("-")[0] if kinds["line"] else by_folder(source, stem)
                yield _utterance(how.speaker(base, suggested), f"{stem}{ending}", text)
    if not any_audio and not how.problems:
        raise InputError(f"{source}: no audio in it ({' '.join(sorted(ENDINGS))}). Check the name.")


def _files(source: Path, how: Reading) -> Iterator[str]:
    """A record for every audio file, file of text and line of a list of transcripts, by path without ending."""
    for entry in walk_files(source.absolute()):
        stem, ending = os.path.splitext(entry.path)
        if ending.lower() in ENDINGS | NOT_READ:
            yield record(stem, "audio", entry.name, str(entry.stat().st_size) if entry.is_file() else NOWHERE)
        elif how.labelled and entry.name.endswith(".trans.txt"):
            yield from _listed(entry.path, how.problems)
        elif how.labelled and ending.lower() == ".txt":
            yield record(stem, "text", entry.name)


def _listed(path: str, problems: list[str]) -> Iterator[str]:
    """The lines of a *.trans.txt."""
    for number, line in enumerate(_lines(path, problems), 1):
        key, *words = line.split() or [""]
        if key:
            yield record(f"{os.path.dirname(path)}/{key}", "line", f"{path}:{number}", " ".join(words))


def _transcript(stem: str, kinds: dict[str, list[list[str]]], problems: list[str]) -> str:
    """The words of an audio file; a second transcript is a problem."""
    where = [place for place, _ in kinds["line"]] + [f"{os.path.dirname(stem)}/{name}" for (name,) in kinds["text"]]
    for place in where[1:]:
        problems.append(f"{place}: {os.path.basename(stem)} has a transcript already. Keep one of them.")
    if kinds["line"]:
        return kinds["line"][0][1]
    return " ".join(" ".join(_lines(where[0], problems)).split()) if where else ""


def _lines(path: str, problems: list[str]) -> list[str]:
    """The lines of a text file, which end in a line feed alone; empty where characters of one were lost."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = file.read().split("\n")
    except UnicodeDecodeError as error:
        problems.append(f"{path}: byte {error.start + 1} is not UTF-8. Convert: iconv -t UTF-8.")
        return []
    lost = {number: codes for number, line in enumerate(lines, 1) if (codes := damaged(line))}
    problems += [damage(f"{path}:{number}", codes) for number, codes in lost.items()]
    return ["" if number in lost else line for number, line in enumerate(lines, 1)]


def read_table(source: Path, how: Reading) -> Iterator[Utterance]:
    """A row an audio file; paths start in the table's folder, or in one of BESIDE_TABLE there.

    Paths are strings here: Python 3.12 keeps every part of a Path for good.
    """
    beside = [os.path.abspath(source.parent / folder) for folder in BESIDE_TABLE]
    for line, row in read_rows(source, COLUMNS, ("path", "text") if how.labelled else ("path",), how.problems):
        where = f"{source}:{line}"
        tried = (os.path.normpath(os.path.join(folder, row["path"])) for folder in beside)
        path = next((path for path in tried if os.path.isfile(path)), None)
        if path is None:
            how.problems.append(f"{where}: {row['path'] or 'no path'}: no such audio file. Correct the path.")
        elif (ending := os.path.splitext(path)[1]).lower() in NOT_READ:
            how.problems.append(f"{path}: libsndfile does not read {ending}. Convert it with ffmpeg.")
        elif not os.path.getsize(path):
            how.problems.append(f"{path}: 0 bytes. Replace the recording, or drop it.")
        else:
            by_source = row.get("speaker") or os.path.basename(os.path.dirname(row["path"])) or source.stem
            speaker = how.speaker(os.path.basename(path).removesuffix(ending), by_source)
            found = _utterance(speaker, path, row["text"] if how.labelled else "", where)
            yield _split(found, row.get("split"), how.problems)


def _split(found: Utterance, name: str | None, problems: list[str]) -> Utterance:
    """With its set, where the table names one."""
    if found.text is None or name is None:
        return found
    if name.lower() not in SPLITS:
        problems.append(f"{found.where}: split {name!r} is none of {', '.join(SPLITS)}. Correct it.")
        return found._replace(text=None)
    return found._replace(split=SPLITS[name.lower()])
