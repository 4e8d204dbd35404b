"""Transcripts with times: tiers of ELAN (.eaf) and Praat (.TextGrid), captions of .srt and .vtt, as stretches of audio.

A tier is a speaker where several are read; ELAN's participant and the voice of a .vtt caption go before.
"""

import io
import warnings
from collections.abc import Callable
from typing import NamedTuple

import pympi
import webvtt
from praatio import textgrid
from praatio.data_classes.interval_tier import IntervalTier

from espnet_bljust.errors import InputError


class Piece(NamedTuple):
    """What is said in a stretch of a recording."""

    start: float  # seconds
    end: float
    text: str
    speaker: str  # empty: the file does not say


Tiers = dict[str, list[Piece]]


def read_pieces(path: str, wanted: list[str]) -> list[Piece]:
    """The stretches with text of the tiers ``wanted``, without them of the only one that has text; InputError."""
    reader, program = READERS[path[path.rindex(".") :].lower()]
    try:
        with warnings.catch_warnings(action="ignore"):
            found = reader(path)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # these libraries raise what their parsing meets: KeyError, IndexError, AssertionError
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason}). Open it in {program} and save it again.") from None
    tiers = {name: [piece for piece in pieces if piece.text] for name, pieces in found.items()}
    pieces = [piece for tier in _chosen(path, tiers, wanted) for piece in tier]
    for piece in pieces:
        if not 0 <= piece.start < piece.end:
            raise InputError(f"{path}: {piece.text[:30]!r} is from {piece.start} to {piece.end} s. Correct its times.")
    return sorted(pieces)


def _chosen(path: str, tiers: Tiers, wanted: list[str]) -> list[list[Piece]]:
    if wanted and "" not in tiers:  # captions have no tiers
        missing = [name for name in wanted if name not in tiers]
        if missing:
            raise InputError(f"{path}: no tier {missing[0]!r}; there are {', '.join(tiers)}. Correct --tiers.")
        several = len(wanted) > 1
        return [[piece._replace(speaker=piece.speaker or (name if several else "")) for piece in tiers[name]]
                for name in wanted]  # fmt: skip
    full = {name: pieces for name, pieces in tiers.items() if pieces}
    if len(full) > 1:
        counted = ", ".join(f"{name} ({len(pieces)})" for name, pieces in full.items())
        raise InputError(f"{path}: several tiers hold text: {counted}. Name those to read: --tiers \"'one' 'two'\"")
    return list(full.values())


def _elan(path: str) -> Tiers:
    document = pympi.Eaf(path, suppress_version_warning=True)
    tiers = {}
    for name in document.get_tier_names():
        speaker = document.get_parameters_for_tier(name).get("PARTICIPANT", "")
        rows = document.get_annotation_data_for_tier(name)  # (start, end, text), of a dependent tier more; milliseconds
        tiers[name] = [Piece(row[0] / 1000, row[1] / 1000, _one_line(row[2]), speaker) for row in rows]
    return tiers


def _praat(path: str) -> Tiers:
    grid = textgrid.openTextgrid(path, False, "silence", "rename")  # without empty intervals
    return {tier.name: [Piece(entry.start, entry.end, _one_line(entry.label), "") for entry in tier.entries]
            for tier in grid.tiers if isinstance(tier, IntervalTier)}  # fmt: skip


def _captions(form: str) -> Callable[[str], Tiers]:
    def read(path: str) -> Tiers:
        with open(path, encoding="utf-8-sig", newline=None) as file:
            captions = webvtt.from_buffer(io.StringIO(file.read()), format=form)
        return {"": [Piece(_seconds(one.start), _seconds(one.end), _one_line(one.text), one.voice or "")
                     for one in captions]}  # fmt: skip

    return read


def _seconds(time: str) -> float:
    """Of 00:01:02.500."""
    hours, minutes, seconds = time.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


READERS: dict[str, tuple[Callable[[str], Tiers], str]] = {
    ".eaf": (_elan, "ELAN"), ".textgrid": (_praat, "Praat"),
    ".srt": (_captions("srt"), "a subtitle editor"), ".vtt": (_captions("vtt"), "a subtitle editor"),
}  # fmt: skip
