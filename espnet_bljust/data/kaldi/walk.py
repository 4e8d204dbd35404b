"""A data directory checked by walking its sorted tables side by side: one line of each in memory, whatever its size.

The walk says only that all is well; what is wrong where is the business of `directory.scan_dir`, which reads all.
"""

import re
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.sorted_tables import walk_together, walk_utterances
from espnet_bljust.errors import InputError

WORD = re.compile(r"\S+")


class Walked(NamedTuple):
    """What a directory without a problem holds."""

    utterances: int
    speakers: int


def walk_dir(path: Path, *, require_text: bool, allow_empty_text: bool = False) -> Walked | None:
    """The directory's size, or None where `scan_dir` has a problem to tell."""
    names = ["wav.scp", "utt2spk", *(["text"] if require_text else [])]
    if not all((path / name).is_file() for name in names):
        return None
    problems: list[str] = []
    try:
        walked = _walk(path, allow_empty_text, problems)
    except InputError:
        return None
    return None if problems else walked


def tables_of(path: Path) -> list[str]:
    """Those of a data directory that have a line an utterance, the one that all must fit first."""
    owner = "segments" if (path / "segments").exists() else "wav.scp"
    return [owner, "utt2spk", *(name for name in ("text", "utt2speed") if (path / name).exists())]


def _walk(path: Path, allow_empty_text: bool, problems: list[str]) -> Walked:
    """InputError, or ``problems``, where something is wrong."""
    recordings = None
    if (path / "segments").exists():
        recordings = {key for key, _ in walk_together([path / "wav.scp"], remedy="", problems=problems)}
    has_spk2utt = (path / "spk2utt").exists()
    count = pairs = 0  # sum of the hashes of all (speaker, utterance): order plays no part
    speakers: set[str] = set()
    for utterance in walk_utterances(path, tables_of(path), remedy="", problems=problems):
        if len(utterance.speaker.split()) != 1 or (utterance.text == "" and not allow_empty_text) or (
                recordings is not None and utterance.segment.recording not in recordings):
            raise InputError(f"{path}: {utterance.name}: see scan_dir")
        count += 1
        if has_spk2utt:
            pairs += hash((utterance.speaker, utterance.name))
        else:
            speakers.add(utterance.speaker)
    return Walked(count, _count_speakers(path, pairs, problems) if has_spk2utt else len(speakers))


def _count_speakers(path: Path, pairs: int, problems: list[str]) -> int:
    """By spk2utt, which must hold the pairs whose hashes add up to ``pairs``."""
    speakers = 0
    for speaker, (members,) in walk_together([path / "spk2utt"], remedy="", problems=problems):
        speakers += 1
        pairs -= sum(hash((speaker, match[0])) for match in WORD.finditer(members))
    if pairs != 0:
        raise InputError(f"{path}/spk2utt: not the utterances of utt2spk.")
    return speakers
