"""A user's audio in any of the forms that docs/your_corpus.md lists, read into one.

folder      audio anywhere below; a transcript is <name>.txt beside it, or a line `<name> words` of a *.trans.txt there
Kaldi       a folder with wav.scp, utt2spk and, where there are transcripts, text; perhaps segments
table       .csv or .tsv with columns path and text, perhaps speaker and split; or a folder with one such table
sets        a folder with train, dev and test in it, each one of the above
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from espnet_bljust.data.audio import ARCHIVE
from espnet_bljust.data.delimited import read_rows
from espnet_bljust.data.folder import ENDINGS, walk_folders
from espnet_bljust.data.segments import Segment, parse_segments
from espnet_bljust.data.tables import read_table as read_kaldi_table
from espnet_bljust.data.tables import scan_table
from espnet_bljust.errors import InputError

NOT_READ = {".m4a", ".mp4", ".aac", ".wma", ".amr", ".3gp", ".webm", ".mka", ".mkv", ".mov", ".ape", ".ra"}
NO_TRANSCRIPTS = re.compile(r"(readme|licen[sc]e|copying|notice|changelog)\b.*", re.IGNORECASE)
SPLITS = {"train": "train", "training": "train", "dev": "dev", "valid": "dev", "validation": "dev", "val": "dev",
          "test": "test", "eval": "test"}  # fmt: skip
BESIDE_TABLE = ("", "clips", "wavs", "audio")  # Common Voice has clips/, LJSpeech wavs/
COLUMNS = {
    "path": ["path", "file", "file_name", "filename", "audio", "wav"],
    "text": ["text", "sentence", "transcript", "transcription", "words"],
    "speaker": ["speaker", "speaker_id", "client_id", "spk"],
    "split": ["split", "set", "subset"],
}


@dataclass
class Found:
    """Tables by utterance, as far as the source has them, and what is wrong in it."""

    wavs: dict[str, str] = field(default_factory=dict)  # by recording, where there are segments
    utt2spk: dict[str, str] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    split: dict[str, str] = field(default_factory=dict)
    segments: dict[str, Segment] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, speaker: str, name: str, path: Path, text: str = "", where: str = "") -> str:
        """One audio file as an utterance; its id, empty when that is taken or the file holds nothing."""
        speaker = re.sub(r"[^\w.]", "_", speaker)
        name = re.sub(r"[^\w.-]", "_", name)
        utterance = name if name.startswith(f"{speaker}-") else f"{speaker}-{name}"
        if utterance in self.wavs:
            same = "is listed already" if self.wavs[utterance] == str(path) else f"has the id of {self.wavs[utterance]}"
            self.problems.append(f"{where or path}: {path.name} {same}. Drop or rename one of them.")
            return ""
        if not path.stat().st_size:
            self.problems.append(f"{path}: 0 bytes. Replace the recording, or drop it.")
            return ""
        self.wavs[utterance], self.utt2spk[utterance] = str(path), speaker
        if text:
            self.text[utterance] = text
        return utterance


Speaker = Callable[[str, str], str]  # file name without ending, and the speaker that the source itself suggests


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


def read_source(source: Path, speaker: Speaker, *, labelled: bool) -> Found:
    """``source`` in whatever form it is; transcripts only when ``labelled``."""
    if source.is_file():
        return read_table(source, speaker, labelled=labelled)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder or table. Check the name.")
    if (source / "wav.scp").is_file():
        return read_kaldi(source, labelled=labelled)
    if not labelled:
        return read_folder(source, speaker, labelled=False)
    sets = {SPLITS[path.name]: path for path in sorted(source.iterdir()) if path.is_dir() and path.name in SPLITS}
    if len(sets) == len(set(SPLITS.values())):
        return _read_sets(sets, speaker)
    tables = sorted(path for path in source.iterdir() if path.suffix in (".csv", ".tsv"))
    if len(tables) > 1:
        raise InputError(f"{source}: {len(tables)} tables: {tables[0].name}, {tables[1].name} ... Name one of them.")
    read = read_table if tables else read_folder
    return read(tables[0] if tables else source, speaker, labelled=True)


def _read_sets(sets: dict[str, Path], speaker: Speaker) -> Found:
    """train, dev and test, each in a folder of its own."""
    found = Found()
    for split, folder in sets.items():
        part = read_source(folder, speaker, labelled=True)
        clashes = {key for key, path in part.wavs.items() if found.wavs.get(key, path) != path}
        clashes = sorted(clashes | part.utt2spk.keys() & found.utt2spk.keys())
        found.problems += part.problems + [f"{folder}: id {key} is in another set too. Rename it." for key in clashes]
        for name in ("wavs", "utt2spk", "text", "segments"):
            getattr(found, name).update(getattr(part, name))
        found.split |= dict.fromkeys(part.text, split)
    return found


def read_folder(source: Path, speaker: Speaker, *, labelled: bool) -> Found:
    """All audio below ``source``, subfolders as speakers; in LibriSpeech's form what stands before the first hyphen."""
    found, lines = Found(), {}
    for here, names in walk_folders(source):
        if labelled:
            lines = _transcripts(here, names, found.problems)
        by_folder = "_".join(here.relative_to(source).parts) or source.resolve().name
        for name in names:
            stem, ending = os.path.splitext(name)
            if ending.lower() in NOT_READ:
                found.problems.append(f"{here / name}: libsndfile does not read {ending}. Convert it: "
                                      f"ffmpeg -i {name} {stem}.flac.")
            elif ending.lower() in ENDINGS:
                text, is_list = lines.pop(stem, ("", False))
                by_source = stem.split("-")[0] if is_list else by_folder
                found.add(speaker(stem, by_source), stem, (here / name).absolute(), text)
        found.problems += [f"{here / name}: a transcript without audio. Add the audio, or remove it." for name in lines]
    if not found.wavs and not found.problems:
        raise InputError(f"{source}: no audio in it ({' '.join(sorted(ENDINGS))}). Check the name.")
    return found


def _transcripts(folder: Path, names: list[str], problems: list[str]) -> dict[str, tuple[str, bool]]:
    """Audio's name -> its words, and whether they stood in a *.trans.txt, of one folder."""
    found: dict[str, tuple[str, bool]] = {}
    stems = {os.path.splitext(name)[0] for name in names if os.path.splitext(name)[1].lower() in ENDINGS | NOT_READ}
    for name in sorted(names):
        stem, ending = os.path.splitext(name)
        is_list = name.endswith(".trans.txt")
        alone = stem not in stems and (ending != ".txt" or NO_TRANSCRIPTS.match(name))
        if ending.lower() != ".txt" or (alone and not is_list):
            continue
        try:
            content = (folder / name).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            problems.append(f"{folder / name}: byte {error.start + 1} is not UTF-8. Convert: iconv -t UTF-8.")
            continue
        if is_list:
            for number, line in enumerate(content.splitlines(), 1):
                if not line.strip():
                    continue
                key, *words = line.split()
                if key in found:
                    problems.append(f"{folder / name}:{number}: {key} has a transcript already. Keep one of them.")
                else:
                    found[key] = (" ".join(words), True)
        else:
            found[stem] = (" ".join(content.split()), False)
    return found


def read_table(source: Path, speaker: Speaker, *, labelled: bool) -> Found:
    """A row an audio file; paths start in the table's folder, or in one of BESIDE_TABLE there."""
    found = Found()
    for line, row in read_rows(source, COLUMNS, ("path", "text") if labelled else ("path",), found.problems):
        where = f"{source}:{line}"
        tried = [(source.parent / folder / row["path"]).absolute() for folder in BESIDE_TABLE]
        path = next((path for path in tried if path.is_file()), None)
        if path is None:
            found.problems.append(f"{where}: {row['path'] or 'no path'}: no such audio file. Correct the path.")
            continue
        if path.suffix.lower() in NOT_READ:
            found.problems.append(f"{path}: libsndfile does not read {path.suffix}. Convert it with ffmpeg.")
            continue
        by_source = row.get("speaker") or "_".join(Path(row["path"]).parent.parts[-1:]) or source.stem
        text = row["text"] if labelled else ""
        utterance = found.add(speaker(path.stem, by_source.strip("/") or source.stem), path.stem, path, text, where)
        if utterance and text and "split" in row:
            if row["split"].lower() in SPLITS:
                found.split[utterance] = SPLITS[row["split"].lower()]
            else:
                found.problems.append(f"{where}: split {row['split']!r} is none of {', '.join(SPLITS)}. Correct it.")
                del found.text[utterance]
    return found


def read_kaldi(source: Path, *, labelled: bool) -> Found:
    """A Kaldi directory; relative paths start in it, or up to two folders above it."""
    found = Found()
    entries, speakers = read_kaldi_table(source / "wav.scp"), read_kaldi_table(source / "utt2spk")
    text = read_kaldi_table(source / "text", allow_empty=True) if labelled else {}
    if (source / "segments").is_file():
        found.segments, found.problems = parse_segments(
            scan_table(source / "segments"), str(source / "segments"), entries)  # fmt: skip
    owner = found.segments or entries
    found.problems += [f"{source / 'text'}: {key}: a transcript without audio. Add the audio, or drop the line."
                       for key in text if key not in owner]
    for key, entry in entries.items():
        path = entry if entry.endswith("|") else _resolve(entry, source, key, found.problems)
        if path:
            found.wavs[key] = path
    for key in owner:
        if key not in speakers:
            found.problems.append(f"{source / 'utt2spk'}: {key} has no speaker. Add it.")
        elif (found.segments[key].recording if found.segments else key) in found.wavs:
            found.utt2spk[key] = speakers[key]
            if text.get(key):
                found.text[key] = text[key]
    return found


def _resolve(entry: str, source: Path, key: str, problems: list[str]) -> str:
    """The entry with an absolute path, empty when there is no such file."""
    match = ARCHIVE.fullmatch(entry)
    for folder in (source, source.parent, source.parent.parent):
        path = (folder / entry).absolute()
        if path.is_file():
            return str(path)
        if match and (folder / match["path"]).is_file():
            return str((folder / entry).absolute())
    problems.append(f"{source / 'wav.scp'}: {key}: {entry}: no such audio file. Correct the path.")
    return ""
