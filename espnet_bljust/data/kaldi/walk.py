"""A data directory checked by walking its sorted tables side by side: one line of each in memory, whatever its size.

The walk says only that all is well; what is wrong where is the business of `kaldi_dir.scan_dir`, which reads all.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.segments import parse_segment
from espnet_bljust.data.kaldi.tables import walk_table

WORD = re.compile(r"\S+")


class Walked(NamedTuple):
    """What a directory without a problem holds."""

    utterances: int
    speakers: int


class _Astray(Exception):
    """Something is wrong."""


def walk_dir(path: Path, *, require_text: bool, allow_empty_text: bool = False) -> Walked | None:
    """The directory's size, or None where `scan_dir` has a problem to tell."""
    names = ["wav.scp", "utt2spk", *(["text"] if require_text else [])]
    if not all((path / name).is_file() for name in names):
        return None
    try:
        return _walk(path, allow_empty_text)
    except _Astray:
        return None


def _walk(path: Path, allow_empty_text: bool) -> Walked:
    owner = "segments" if (path / "segments").exists() else "wav.scp"
    others = ["utt2spk", *(name for name in ("text", "utt2speed") if (path / name).exists())]
    count = 0
    speakers: set[str] = set()
    has_spk2utt = (path / "spk2utt").exists()
    pairs = 0  # sum of the hashes of all (speaker, utterance): order plays no part
    tables = [_entries(path / name, allow_empty_text and name == "text") for name in [owner, *others]]
    for (key, _), (second, speaker), *rest in zip_longest(*tables, fillvalue=("", "")):
        if second != key or any(other != key for other, _ in rest) or len(speaker.split()) != 1:
            raise _Astray
        count += 1
        if has_spk2utt:
            pairs += hash((speaker, key))
        else:
            speakers.add(speaker)
    if owner == "segments":
        _check_segments(path)
    return Walked(count, _check_spk2utt(path, pairs) if has_spk2utt else len(speakers))


def _entries(path: Path, allow_empty: bool = False) -> Iterator[tuple[str, str]]:
    """Keys, which must ascend, and values, which must not be empty unless ``allow_empty``."""
    problems: list[str] = []
    previous = ""
    for _, key, value in walk_table(path, problems, allow_empty=allow_empty):
        if key <= previous or not (value or allow_empty):
            raise _Astray
        previous = key
        yield key, value
    if problems:
        raise _Astray


def _check_segments(path: Path) -> None:
    recordings = {key for key, _ in _entries(path / "wav.scp")}
    for _, value in _entries(path / "segments"):
        segment = parse_segment(value)
        if isinstance(segment, str) or segment.recording not in recordings:
            raise _Astray


def _check_spk2utt(path: Path, pairs: int) -> int:
    """The number of speakers; spk2utt must hold the pairs whose hashes add up to ``pairs``."""
    speakers = 0
    for speaker, members in _entries(path / "spk2utt"):
        speakers += 1
        pairs -= sum(hash((speaker, match[0])) for match in WORD.finditer(members))
    if pairs != 0:
        raise _Astray
    return speakers
