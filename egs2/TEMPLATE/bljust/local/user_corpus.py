"""A user's audio in any of the forms that docs/your_corpus.md lists, read into one.

folder      audio anywhere below; a transcript is <name>.txt beside it (.lab, .mb ...), or a line `<name> words` of a
            *.trans.txt there, or stretches with times in <name>.eaf, .TextGrid, .srt or .vtt (user_timed.py)
Kaldi       a folder with wav.scp, utt2spk and, where there are transcripts, text; perhaps segments (user_kaldi.py)
table       .csv or .tsv with columns path and text, perhaps speaker and split; or a folder with one such table
sets        a folder with train, dev and test in it, under any usual name, each one of the above (user_splits.py)
Nothing is kept of what was read: utterances are handed on one by one, and what is wrong is noted in a list.
"""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from user_kaldi import read_kaldi
from user_reading import NOT_READ, Reading, utterance
from user_splits import TABLES, Sets, find_sets, said_of_sets, speaker_in_sets, split_named
from user_tables import read_table
from user_timed import READERS, read_pieces

from espnet_bljust.data.corpus.folder import ENDINGS, by_folder, walk_files
from espnet_bljust.data.corpus.gather import damage
from espnet_bljust.data.kaldi.segments import Segment
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.text.normalise import damaged
from espnet_bljust.disk.sorting import grouped, record
from espnet_bljust.errors import InputError

NO_TRANSCRIPTS = re.compile(r"(readme|licen[sc]e|copying|notice|changelog)\b.*", re.IGNORECASE)
TIMES = re.compile(r"\s*\d+\s+\d{4,}\s+\S+\s*$")  # of HTK's label files, in units of 100 ns
NOWHERE = "nowhere"  # in the place of a size


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
    if sets := find_sets(source):
        how.said.extend(said_of_sets(sets, source))
        return _read_sets(sets, how)
    if named := sorted(path.name for path in source.iterdir() if path.is_dir() and split_named(path.name)):
        how.said.append(f"WARNING: {', '.join(named)}: taken for no sets, since a training set and another are needed")
    return _read_one(source, how)


def _read_one(source: Path, how: Reading) -> Iterator[Utterance]:
    """A folder that is one set, or has no sets."""
    tables = sorted(path for path in source.iterdir() if path.suffix.lower() in TABLES)
    if len(tables) > 1:
        raise InputError(f"{source}: {len(tables)} tables: {tables[0].name}, {tables[1].name} ... Name one of them.")
    return read_table(tables[0], how) if tables else read_folder(source, how)


def _read_sets(sets: Sets, how: Reading) -> Iterator[Utterance]:
    """All parts; also audio without a transcript is that of its set."""
    for split, part in sets.parts:
        inside = how._replace(base=sets.base)
        if part.is_file():
            found = read_table(part, inside)
        elif (part / "wav.scp").is_file():
            found = read_kaldi(part, labelled=True, problems=how.problems, spool=how.spool)
        else:
            found = _read_one(part, inside)
        yield from (one._replace(split=split) for one in found)


def read_folder(source: Path, how: Reading) -> Iterator[Utterance]:
    """All audio below ``source``, subfolders as speakers; in LibriSpeech's form what stands before the first hyphen."""
    any_audio = False
    for _, members in grouped(_files(source, how), how.spool):  # by path without ending, in Unicode's form C
        kinds = {kind: [values for other, *values in members if other == kind] for kind in ("audio", "text", "line")}
        any_audio |= bool(kinds["audio"])
        if not kinds["audio"]:
            alone = [path for (path,) in kinds["text"] if not NO_TRANSCRIPTS.match(os.path.basename(path))]
            for where in alone or [line[0] for line in kinds["line"]]:
                how.problems.append(f"{where}: a transcript without audio. Add the audio, or remove it.")
            continue
        text, timed = _transcript(kinds, how)
        for path, size in kinds["audio"]:
            stem, ending = os.path.splitext(path)
            if ending.lower() in NOT_READ:
                remedy = f"Convert it: ffmpeg -i {os.path.basename(path)} {os.path.basename(stem)}.flac."
                how.problems.append(f"{path}: libsndfile does not read {ending}. {remedy}")
            elif size == NOWHERE:
                how.problems.append(f"{path}: a link to nothing. Mend it, or drop it.")
            elif size == "0":
                how.problems.append(f"{path}: 0 bytes. Replace the recording, or drop it.")
            else:
                suggested = _suggested(source, stem, bool(kinds["line"]), how.base)
                yield from (_pieces if timed else _whole)(path, text, suggested, how)
    if not any_audio and not how.problems:
        raise InputError(f"{source}: no audio in it ({' '.join(sorted(ENDINGS))}). Check the name.")


def _whole(path: str, text: str, suggested: str, how: Reading) -> Iterator[Utterance]:
    """The audio file as one utterance."""
    found = utterance(how, path, text, suggested)
    if found is not None:
        yield found


def _pieces(path: str, timed: str, suggested: str, how: Reading) -> Iterator[Utterance]:
    """An utterance for every stretch of the audio file that the file ``timed`` has words for."""
    try:
        pieces = read_pieces(timed, list(how.tiers))
    except InputError as error:
        how.problems.append(str(error))
        return
    whole = utterance(how, path, "", suggested)
    for piece in pieces:
        one = utterance(how, path, piece.text, piece.speaker or suggested, f"{timed}: {piece.start:.2f} s")
        if one is None or whole is None:
            return
        name = f"{one.name}-{round(1000 * piece.start):08d}-{round(1000 * piece.end):08d}"
        yield one._replace(name=name, segment=Segment(whole.name, piece.start, piece.end))


def _suggested(source: Path, stem: str, librispeech: bool, base: Path | None) -> str:
    """The speaker that a file's name or place tells."""
    if librispeech:
        return os.path.basename(stem).split("-")[0]
    return speaker_in_sets(base, stem) if base else by_folder(source, stem)


def _files(source: Path, how: Reading) -> Iterator[str]:
    """A record for every audio file, file of text and line of a list of transcripts, by path without ending."""
    for entry in walk_files(source.absolute()):
        path, ending = os.path.splitext(entry.path)
        stem = unicodedata.normalize("NFC", path)
        if ending.lower() in ENDINGS | NOT_READ:
            yield record(stem, "audio", entry.path, str(entry.stat().st_size) if entry.is_file() else NOWHERE)
        elif how.labelled and entry.name.endswith(".trans.txt"):
            yield from _listed(entry.path, how.problems)
        elif how.labelled and ending.lower() in how.endings and ending != ".TXT":  # SPEAKERS.TXT of LibriSpeech
            yield record(stem, "text", entry.path)


def _listed(path: str, problems: list[str]) -> Iterator[str]:
    """The lines of a *.trans.txt."""
    for number, line in enumerate(_lines(path, problems), 1):
        key, *words = line.split() or [""]
        if key:
            stem = unicodedata.normalize("NFC", os.path.join(os.path.dirname(path), key))
            yield record(stem, "line", f"{path}:{number}", " ".join(words))


def _transcript(kinds: dict[str, list[list[str]]], how: Reading) -> tuple[str, bool]:
    """The words of an audio file, or the file that has them with times, and whether it has; a second is a problem.

    Of files with several endings the one that comes first in --text_ending is read, and the others are counted.
    """
    texts = sorted((path for (path,) in kinds["text"]), key=lambda path: how.endings.index(_ending(path)))
    first = [path for path in texts if _ending(path) == _ending(texts[0])]
    how.unread.update(_ending(path) for path in texts[len(first) :])
    where = [place for place, _ in kinds["line"]] + first
    audio = os.path.basename(kinds["audio"][0][0])
    for place in where[1:]:
        how.problems.append(f"{place}: {audio} has a transcript already. Keep one of them.")
    if kinds["line"] or not where:
        return (kinds["line"][0][1] if where else ""), False
    if _ending(where[0]) in READERS:
        return where[0], True
    lines = _lines(where[0], how.problems)
    if TIMES.match(lines[0] if lines else ""):
        how.problems.append(f"{where[0]}:1: times of HTK, not a transcript. Make a .TextGrid or .txt of it.")
        return "", False
    return " ".join(" ".join(lines).split()), False


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


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
