"""Parts in LibriSpeech's layout as data directories: nothing wrong in them, no voice of dev or test in training."""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from espnet_bljust.data.corpus.librispeech import Found, Source, read_source, read_speakers
from espnet_bljust.data.kaldi.new_sets import grow_sets, place_sets
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.problems import raise_listed

NEARLY = 0.99  # of the minutes that SPEAKERS.TXT gives a speaker; they are rounded


def make_sets(
    folder: Path, sets: Mapping[str, Sequence[Source]], *, training: Collection[str], threads: int = 8,
    without_text: Collection[str] = (),
) -> str:  # fmt: skip
    """``<folder>/<set>`` for every set, all or none, and a line that tells what is in them.

    One InputError for everything that is wrong; ``<folder>/librispeech_problems.txt`` lists it.
    """
    tallies = {name: [Found() for _ in sources] for name, sources in sets.items()}
    pairs = [pair for name, sources in sets.items() for pair in zip(sources, tallies[name], strict=True)]
    rows = {name: _rows(sources, tallies[name], threads) for name, sources in sets.items()}
    twice = grow_sets(folder, rows, without_text=without_text)
    problems = [problem for _, part in pairs for problem in part.problems] + twice
    problems += [problem for source, part in pairs for problem in misplaced_speakers(source, part)]
    problems += shared_speakers(tallies, training)
    raise_listed(problems, folder / "librispeech_problems.txt", "stage 1")
    place_sets(folder, sets)
    _tell_missing(folder / "librispeech_missing.txt", [line for pair in pairs for line in missing_speech(*pair)])
    return "; ".join(_summary(name, parts) for name, parts in tallies.items())


def _rows(sources: Sequence[Source], tallies: Sequence[Found], threads: int) -> Iterator[Utterance]:
    return chain.from_iterable(map(lambda source, part: read_source(source, part, threads=threads), sources, tallies))


def misplaced_speakers(source: Source, tally: Found) -> list[str]:
    """Speakers that SPEAKERS.TXT does not have, or not in this part."""
    listed = read_speakers(source.speakers)
    problems = []
    for speaker in tally.speakers if listed else ():
        part = listed[speaker].part if speaker in listed else "no part"
        if not part.startswith(source.listed_as):
            problems.append(f"{source.folder}/{speaker}: {source.speakers} has this speaker in {part}. Move it.")
    return problems


def shared_speakers(tallies: Mapping[str, Sequence[Found]], training: Collection[str]) -> list[str]:
    """Speakers of a training set in another set."""
    speakers = {name: {speaker for part in parts for speaker in part.speakers} for name, parts in tallies.items()}
    return [
        f"data/{name}: speaker {speaker} is in data/{other}, too, which is trained on. Take parts that share none."
        for name in speakers if name not in training for other in training
        for speaker in sorted(speakers[name] & speakers.get(other, set()))
    ]  # fmt: skip


def missing_speech(source: Source, tally: Found) -> list[str]:
    """Speakers of a whole part of whom SPEAKERS.TXT has more than the folder: an excerpt, or half an archive."""
    if source.only is not None or source.without or source.listed_as != source.folder.name:
        return []
    return [
        f"{source.folder}/{speaker}: {tally.speakers.get(speaker, 0.0) / 60:.2f} of {minutes:.2f} minutes"
        for speaker, (part, minutes) in read_speakers(source.speakers).items()
        if part == source.folder.name and tally.speakers.get(speaker, 0.0) < 60 * minutes * NEARLY
    ]


def _tell_missing(path: Path, lines: list[str]) -> None:
    """A warning and no error: excerpts are for trying out."""
    path.unlink(missing_ok=True)
    if lines:
        write_atomic(path, "".join(line + "\n" for line in lines))
        print(f"warning: {len(lines)} speakers have less speech here than SPEAKERS.TXT says: an excerpt, or archives "
              f"not unpacked to the end. They are listed in {path}; the first: {lines[0]}.", file=sys.stderr)


def _summary(name: str, parts: Sequence[Found]) -> str:
    speakers = {speaker for part in parts for speaker in part.speakers}
    hours = sum(seconds for part in parts for seconds in part.speakers.values()) / 3600
    return f"{name} {sum(part.utterances for part in parts)} utterances, {len(speakers)} speakers, {hours:.2f} h"
