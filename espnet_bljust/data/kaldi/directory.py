"""Kaldi data directories: read, check, write.

wav.scp    recording (or utterance) -> audio          text     utterance -> words
utt2spk    utterance -> speaker                       spk2utt  speaker -> its utterances
segments   utterance -> stretch of a recording        utt2speed  utterance -> speed factor (stage 2)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from espnet_bljust.data.kaldi.segments import Segment, parse_segments
from espnet_bljust.data.kaldi.sorted_tables import writing
from espnet_bljust.data.kaldi.tables import Table, scan_table, write_table
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.files import fresh_dir, swap_dir, temporary_dir
from espnet_bljust.disk.problems import raise_problems
from espnet_bljust.errors import InputError


@dataclass(frozen=True)
class KaldiDir:
    """A data directory in memory; tables that are absent from the folder are None."""

    wavs: dict[str, str]
    utt2spk: dict[str, str]
    text: dict[str, str] | None = None
    segments: dict[str, Segment] | None = None
    utt2speed: dict[str, str] | None = None
    lines: dict[str, int] = field(default_factory=dict)  # utterance -> its line in segments, or in wav.scp

    @property
    def utterances(self) -> list[str]:
        """All utterance ids, sorted."""
        return sorted(self.wavs if self.segments is None else self.segments)

    def __iter__(self) -> Iterator[Utterance]:
        """The utterances, sorted."""
        for name in self.utterances:
            segment = None if self.segments is None else self.segments[name]
            yield Utterance(
                name, self.utt2spk[name], self.wavs[segment.recording if segment else name],
                None if self.text is None else self.text[name], segment=segment,
                speed=self.utt2speed[name] if self.utt2speed else "1.0")


def read_dir(path: Path | str, *, require_text: bool = False, allow_empty_text: bool = False) -> KaldiDir:
    """The checked data directory; InputError lists everything that is wrong in it."""
    path = Path(path)
    directory, problems = scan_dir(path, require_text=require_text, allow_empty_text=allow_empty_text)
    raise_problems(problems, path / "problems.txt")
    return directory


def scan_dir(path: Path, *, require_text: bool, allow_empty_text: bool = False) -> tuple[KaldiDir, list[str]]:
    """The directory as far as it could be read, and every problem as ``file:line: what. remedy.``"""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder. Run stage 1, or check the name of the set.")
    for name in ["wav.scp", "utt2spk", *(["text"] if require_text else [])]:
        if not (path / name).is_file():
            raise InputError(f"{path / name}: no such file. Stage 1 (local/data.py) must write it.")
    wavs, utt2spk = scan_table(path / "wav.scp"), scan_table(path / "utt2spk")
    problems = wavs.problems + utt2spk.problems
    segments, owner = None, wavs
    if (path / "segments").exists():
        owner = scan_table(path / "segments")
        segments, found = parse_segments(owner, str(path / "segments"), wavs.entries)
        problems += owner.problems + found
    owner_path = path / ("segments" if segments is not None else "wav.scp")
    others = {"utt2spk": utt2spk}
    for name in ["text", "utt2speed"]:
        if (path / name).exists():
            others[name] = scan_table(path / name, allow_empty=name == "text")
            problems += others[name].problems
    for name, table in others.items():
        problems += _compare(table, path / name, owner, owner_path)
    if "text" in others and not allow_empty_text:
        problems += _empty_text(others["text"], path / "text")
    problems += _bad_speakers(utt2spk, path / "utt2spk") + _check_spk2utt(path, utt2spk)
    directory = KaldiDir(
        wavs=wavs.values(),
        utt2spk=utt2spk.values(),
        text=others["text"].values() if "text" in others else None,
        segments=segments,
        utt2speed=others["utt2speed"].values() if "utt2speed" in others else None,
        lines={utterance: entry.line for utterance, entry in owner.entries.items()},
    )
    return directory, problems


def _compare(table: Table, path: Path, owner: Table, owner_path: Path) -> list[str]:
    """Utterances that stand in one of two tables only."""
    problems = [
        f"{path}:{line}: utterance {key} is not in {owner_path.name}. Add it there, or drop the line."
        for key, (line, _) in table.entries.items()
        if key not in owner.entries
    ]
    return problems + [
        f"{owner_path}:{line}: utterance {key} is missing from {path}. Add it there, or drop the line."
        for key, (line, _) in owner.entries.items()
        if key not in table.entries
    ]


def _empty_text(text: Table, path: Path) -> list[str]:
    return [
        f"{path}:{line}: utterance {key} has no transcript. Add its words, or drop it from every file of the folder."
        for key, (line, value) in text.entries.items()
        if not value
    ]


def _bad_speakers(utt2spk: Table, path: Path) -> list[str]:
    return [
        f"{path}:{line}: speaker {value!r} of {key} holds white space. One speaker id a line."
        for key, (line, value) in utt2spk.entries.items()
        if len(value.split()) > 1
    ]


def _check_spk2utt(path: Path, utt2spk: Table) -> list[str]:
    """Where spk2utt exists, it must be utt2spk turned round."""
    if not (path / "spk2utt").exists():
        return []
    table = scan_table(path / "spk2utt")
    due = speakers_to_utterances(utt2spk.values())
    problems = table.problems + [
        f"{path / 'spk2utt'}:{line}: speaker {key}: not the utterances of utt2spk. Delete spk2utt; it is made anew."
        for key, (line, value) in table.entries.items()
        if sorted(value.split()) != sorted(due.get(key, "").split())
    ]
    for key in due.keys() - table.entries.keys():
        problems.append(f"{path / 'spk2utt'}: speaker {key} of utt2spk is missing. Delete spk2utt; it is made anew.")
    return problems


def speakers_to_utterances(utt2spk: dict[str, str]) -> dict[str, str]:
    """spk2utt: speaker -> its utterances, sorted, with one space between them."""
    members: dict[str, list[str]] = {}
    for utterance in sorted(utt2spk):
        members.setdefault(utt2spk[utterance], []).append(utterance)
    return {speaker: " ".join(utterances) for speaker, utterances in members.items()}


def write_dir(path: Path | str, directory: KaldiDir) -> None:
    """Write all tables to ``<path>.tmp``, check them as a reader would, then put them in the place of ``path``."""
    path = Path(path)
    temporary = fresh_dir(temporary_dir(path))
    optional = {"text": directory.text, "utt2speed": directory.utt2speed, "segments": directory.segments}
    write_table(temporary / "wav.scp", directory.wavs)
    with writing(temporary, ["utt2spk", *(name for name, table in optional.items() if table is not None)]) as add:
        for utterance in directory:
            add(utterance)
    read_dir(temporary, require_text=directory.text is not None)
    swap_dir(temporary, path)
