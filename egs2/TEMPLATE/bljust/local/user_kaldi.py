"""A user's Kaldi directory, its tables in any order: joined on disk, an utterance in memory at a time."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from espnet_bljust.data.audio.reading import ARCHIVE
from espnet_bljust.data.kaldi.segments import Segment, parse_segment
from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.problems import raise_problems
from espnet_bljust.disk.sorting import grouped, record


def read_kaldi(source: Path, *, labelled: bool, problems: list[str], spool: Path) -> Iterator[Utterance]:
    """Utterances of ``source``; relative paths start in it, or up to two folders above it."""
    has_segments = (source / "segments").is_file()
    owner = _segments(source, problems, spool) if has_segments else _recordings(source, problems)
    tables = ["utt2spk", *(["text"] if labelled and (source / "text").is_file() else [])]
    for utterance, members in grouped(_chained(source, owner, tables), spool):
        values: dict[str, list[list[str]]] = {}
        for name, *fields in members:
            values.setdefault(name, []).append(fields)
        for name in (name for name, found in values.items() if len(found) > 1):
            table = name if name != "audio" else "segments" if has_segments else "wav.scp"
            problems.append(f"{source / table}: {utterance} stands there twice. Keep one of the lines.")
        if "audio" not in values:
            if "text" in values:
                where = f"{source / 'text'}: {utterance}"
                problems.append(f"{where}: a transcript without audio. Add the audio, or drop the line.")
            continue
        audio, segment = values["audio"][0]
        if "utt2spk" not in values:
            problems.append(f"{source / 'utt2spk'}: {utterance} has no speaker. Add it.")
        elif audio:
            text, line = values.get("text", [["", ""]])[0]
            place = parse_segment(unicodedata.normalize("NFC", segment)) if segment else None
            assert place is None or isinstance(place, Segment)
            speaker = unicodedata.normalize("NFC", values["utt2spk"][0][0])
            yield Utterance(utterance, speaker, audio, text or None, segment=place,
                            where=f"{source / 'text'}:{line}" if line else "")


def _chained(source: Path, owner: Iterator[str], tables: list[str]) -> Iterator[str]:
    """Records by utterance: ("audio", path, segment), ("utt2spk", speaker, line), ("text", words, line)."""
    yield from owner
    for name in tables:
        for number, key, value in _entries(source / name, allow_empty=name == "text"):
            yield record(key, name, value, str(number))


def _entries(path: Path, *, allow_empty: bool = False) -> Iterator[tuple[int, str, str]]:
    """Lines, keys and values of a table; InputError for lines that are none."""
    bad: list[str] = []
    for number, key, value in walk_table(path, bad):
        if value or allow_empty:
            yield number, unicodedata.normalize("NFC", key), value
        else:
            bad.append(f"{path}:{number}: {key} has nothing after it. Add its value, or drop the line.")
    raise_problems(bad, Path("data/problems.txt"))


def _recordings(source: Path, problems: list[str]) -> Iterator[str]:
    for _, key, entry in _entries(source / "wav.scp"):
        yield record(key, "audio", _resolve(entry, source, key, problems), "")


def _segments(source: Path, problems: list[str], spool: Path) -> Iterator[str]:
    """Segments with the audio of their recordings, both brought together by recording."""

    def both() -> Iterator[str]:
        for _, key, entry in _entries(source / "wav.scp"):
            yield record(key, "", entry)
        for _, key, value in _entries(source / "segments"):
            segment = parse_segment(value)
            if isinstance(segment, Segment):
                yield record(unicodedata.normalize("NFC", segment.recording), key, value)
            else:
                where = f"{source / 'segments'}: {key}: {segment}"
                problems.append(f"{where}. Correct the times, or drop the line.")

    for recording, members in grouped(both(), spool):
        entries = [entry for utterance, entry in members if not utterance]
        audio = _resolve(entries[0], source, recording, problems) if entries else ""
        for utterance, value in members:
            if utterance:
                yield record(utterance, "audio", audio, value)
        if not entries:
            problems.append(f"{source / 'segments'}: recording {recording} is not in wav.scp. Add it there.")


def _resolve(entry: str, source: Path, key: str, problems: list[str]) -> str:
    """The entry with an absolute path, empty when there is no such file; a command as it is."""
    if entry.endswith("|"):
        return entry
    match = ARCHIVE.fullmatch(entry)
    for folder in (source, source.parent, source.parent.parent):
        path = os.path.abspath(os.path.join(folder, entry))
        if os.path.isfile(path) or (match and os.path.isfile(os.path.join(folder, match["path"]))):
            return path
    problems.append(f"{source / 'wav.scp'}: {key}: {entry}: no such audio file. Correct the path.")
    return ""
