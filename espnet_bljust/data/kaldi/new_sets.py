"""A data directory of any size from utterances in any order: sorted on disk, some thousands in memory at a time.

`KaldiDir` holds a corpus in memory, about a kilobyte an utterance; this is for corpora of hundreds of thousands.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

from espnet_bljust.data.kaldi.sorted_tables import new_table, writing
from espnet_bljust.data.kaldi.tables import table_line
from espnet_bljust.data.kaldi.utterance import Utterance, from_values, value_in
from espnet_bljust.disk.files import fresh_dir, swap_dir, sync, temporary_dir
from espnet_bljust.disk.sorting import BETWEEN, grouped, record, sorted_lines
from espnet_bljust.errors import InputError


def grow_sets(
    folder: Path, sets: Mapping[str, Iterable[Utterance]], *, without_text: Container[str] = (), segmented: bool = False
) -> list[str]:
    """``<folder>/<set>.tmp`` for every set; what is wrong: ids that come twice in a set, and sets without any.

    InputError at once for an id or value that would not read back the same. All have a segment if ``segmented``,
    and none otherwise. ``place_sets`` does the rest.
    """
    problems = []
    for name, utterances in sets.items():
        place = fresh_dir(temporary_dir(folder / name))
        problems += _write_set(place, utterances, with_text=name not in without_text, segmented=segmented)
    return problems


def place_sets(folder: Path, sets: Iterable[str]) -> None:
    """Put what ``grow_sets`` made in the place of ``<folder>/<set>``."""
    for name in sets:
        swap_dir(temporary_dir(folder / name), folder / name)


def _write_set(folder: Path, utterances: Iterable[Utterance], *, with_text: bool, segmented: bool) -> list[str]:
    tables = ["segments" if segmented else "wav.scp", "utt2spk", *(["text"] if with_text else [])]
    problems: list[str] = []
    last = None
    with writing(folder, tables) as add, new_table(folder / "recordings.tmp") as recordings:
        for line in sorted_lines((_line(folder, utterance, tables) for utterance in utterances), folder):
            name, audio, *values = line.split(BETWEEN)
            if last is not None and name == last.name:
                problems.append(f"{audio}: the id {name} is that of {last.audio} too. Rename one of them.")
                continue
            last = from_values(folder, name, dict(zip(tables, values, strict=True)))._replace(audio=audio)
            add(last)
            if segmented:
                recordings.write(record(last.segment.recording, audio) + "\n")
    if segmented:
        problems += _write_recordings(folder)
    (folder / "recordings.tmp").unlink()
    if last is None:
        return [f"{folder.with_suffix('')}: no utterance for it. Check what the set is made from."]
    return problems


def _write_recordings(folder: Path) -> list[str]:
    """wav.scp of the recordings that segments name, each once."""
    problems = []
    named = folder / "recordings.tmp"
    with open(named, encoding="utf-8", newline="\n") as lines, new_table(folder / "wav.scp") as file:
        for recording, entries in grouped((line.rstrip("\n") for line in lines), folder):
            first = entries[0][0]
            other = next((audio for (audio,) in entries if audio != first), None)
            if other is not None:
                problems.append(f"{other}: the recording {recording} is {first} too. Rename one of them.")
            file.write(table_line(folder / "wav.scp", recording, first))
        sync(file)
    return problems


def _line(folder: Path, utterance: Utterance, tables: Sequence[str]) -> str:
    """The utterance as one line; what could not be told apart afterwards is refused."""
    if "text" in tables and utterance.text is None:
        raise InputError(f"{folder}: utterance {utterance.name} has no transcript. Add its words, or drop it.")
    for word in (utterance.name, utterance.speaker):
        if word.split() != [word]:
            raise InputError(f"{utterance.audio}: id or speaker {word!r} is empty or holds white space. Rename it.")
    line = record(utterance.name, utterance.audio, *(value_in(table, utterance) for table in tables))
    try:
        line.encode()
    except UnicodeEncodeError:
        raise InputError(f"{utterance.audio!r}: a name that is not valid Unicode. Rename the file.") from None
    return line
