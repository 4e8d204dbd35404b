"""Kaldi's segments file: ``utterance recording start end``, times in seconds; an end of -1 is the recording's end."""

import math
from typing import NamedTuple

from espnet_bljust.data.kaldi.tables import Table


class Segment(NamedTuple):
    """A stretch of a recording; ``end_seconds`` None means up to its end."""

    recording: str
    start_seconds: float
    end_seconds: float | None


def parse_segment(value: str) -> Segment | str:
    """The segment, or what is wrong with it."""
    fields = value.split()
    if len(fields) != 3:
        return f"{len(fields) + 1} fields where 4 are due: utterance recording start end"
    try:
        start, end = float(fields[1]), float(fields[2])
    except ValueError:
        return f"times {fields[1]} {fields[2]} are not numbers"
    if not math.isfinite(start) or start < 0:
        return f"start {fields[1]} is no time"
    if end == -1:
        return Segment(fields[0], start, None)
    if not math.isfinite(end) or end <= start:
        return f"end {fields[2]} is not after start {fields[1]}"
    return Segment(fields[0], start, end)


def segment_value(segment: Segment) -> str:
    """What stands behind the utterance in its line."""
    end = -1 if segment.end_seconds is None else repr(segment.end_seconds)
    return f"{segment.recording} {segment.start_seconds!r} {end}"


def parse_segments(table: Table, path: str, recordings: dict) -> tuple[dict[str, Segment], list[str]]:
    """All segments of a scanned table and the problems in them; each must name one of ``recordings``."""
    segments, problems = {}, []
    for utterance, (line, value) in table.entries.items():
        segment = parse_segment(value)
        if isinstance(segment, str):
            problems.append(f"{path}:{line}: {utterance}: {segment}. Correct the times, or drop the line.")
        elif segment.recording not in recordings:
            problems.append(f"{path}:{line}: recording {segment.recording} is not in wav.scp. Add it there.")
        else:
            segments[utterance] = segment
    return segments, problems
