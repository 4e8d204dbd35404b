"""Stage 1 of the recipe `tedlium2`: TED-LIUM release 2, from a folder of yours or downloaded, as data/<set>."""

import argparse
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from tedlium2 import DICTIONARY, IGNORED, SETS, clean, find_root, find_talks, read_dictionary, read_stm

from espnet_bljust.command import run, true_false
from espnet_bljust.data.audio.headers import check_headers
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.folder import write_unlabelled
from espnet_bljust.data.kaldi.new_sets import grow_sets, place_sets
from espnet_bljust.data.kaldi.segments import Segment
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.archive import extract
from espnet_bljust.disk.distinct import Distinct
from espnet_bljust.disk.download import download
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE

DATA, DOWNLOADS = Path("data"), Path("downloads")
# Both as in torchaudio 2.11, torchaudio/datasets/tedlium.py, _RELEASE_CONFIGS["release2"].
URL = "http://www.openslr.org/resources/19/TEDLIUM_release2.tar.gz"
SHA256 = "93281b5fcaaae5c88671c9d000b443cb3c7ea3499ad12010b3934ca41a7b9c58"
TALKS = {"train": 1495, "dev": 8, "test": 11}  # openslr.org/19; 1,514 in all, as Kaldi's recipe counts them, too
OVERSHOOT_SECONDS = 0.5  # stage 3 takes segments that end so far behind their recording, as Kaldi does
PROBLEMS, LEFT_OUT = Path("data/tedlium2_problems.txt"), Path("data/tedlium2_left_out.txt")


@dataclass
class Collected:
    """What one set turned out to hold; it grows while its rows are read."""

    segments: int = 0
    seconds: float = 0.0
    speakers: Distinct = field(default_factory=Distinct)
    left_out: list[str] = field(default_factory=list)  # utterance and why
    problems: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        return f"{name} {self.segments} segments, {len(self.speakers)} speakers, {self.seconds / 3600:.2f} h"


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tedlium2_dir", default="", help="folder TEDLIUM_release2 (db.sh: TEDLIUM2; else a download)")
    parser.add_argument("--tedlium2_url", default=URL, help="where to download the archive from (%(default)s)")
    parser.add_argument(
        "--excerpt", type=true_false, default=False, help="true: take a part of the release as it is"
    )
    parser.add_argument(
        "--unlabelled_dir", default="", help="folder of any audio -> data/unlabelled (db.sh: UNLABELLED)"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    excerpt = arguments.excerpt
    folders = read_db() if Path("db.sh").is_file() else {}
    source = arguments.tedlium2_dir or folders.get("TEDLIUM2", "")
    root = find_root(Path(source).absolute() if source else fetch(arguments.tedlium2_url))
    dictionary, collected = read_dictionary(root), {name: Collected() for name in SETS}
    missing = [f"{root / DICTIONARY}: no such file."] if dictionary is None and not excerpt else []
    sets = {name: read_set(root / name, dictionary, 0 if excerpt else TALKS[name], collected[name]) for name in SETS}
    grown = grow_sets(DATA, sets, segmented=True)
    problems = missing + [problem for name in SETS for problem in collected[name].problems]
    remedy = "Unpack the archive again, whole" + ("." if excerpt else ', or add --excerpt true to --local_data_opts.')
    raise_listed(problems or grown, PROBLEMS, where=str(root), remedy=remedy)
    place_sets(DATA, sets)
    rows = [f"{name} {row}\n" for name in SETS for row in sorted(collected[name].left_out)]
    write_atomic(LEFT_OUT, "".join(rows))
    notes = [collected[name].line(name) for name in SETS]
    notes += write_unlabelled(arguments.unlabelled_dir or folders.get("UNLABELLED", ""))
    print(f"{'; '.join(notes)}; {len(rows)} left out, see {LEFT_OUT}")


def fetch(url: str) -> Path:
    """downloads/tedlium2, downloaded and unpacked where that has not been done."""
    folder = DOWNLOADS / "tedlium2"
    if not folder.is_dir():
        archive = DOWNLOADS / "TEDLIUM_release2.tar.gz"
        download([url], archive, sha256=SHA256)
        extract(archive, folder)
    return folder


def read_set(folder: Path, dictionary: Set[str] | None, num_talks: int, found: Collected) -> Iterator[Utterance]:
    """The segments of one set, a talk in memory at a time; ``num_talks``: of the release, 0 for any number."""
    talks, problems = find_talks(folder)
    if num_talks and not problems and len(talks) != num_talks:
        problems.append(f"{folder}: {len(talks)} talks where the release has {num_talks}.")
    if not talks and not problems:
        problems.append(f"{folder}: no talk in it.")
    lengths, wrong = check_headers((sph for _, sph in talks.values()), SAMPLE_RATE)
    found.problems += problems + wrong
    for talk, (stm, sph) in talks.items():
        rows = {}
        try:
            rows = read_talk(stm, sph, lengths.get(sph, 0) / SAMPLE_RATE, dictionary, found.left_out)
        except InputError as error:
            found.problems.append(str(error))
        if not rows:
            found.left_out.append(f"{talk} a talk without a segment that is left")
        for row in rows.values():
            found.segments += 1
            found.seconds += row.segment.end_seconds - row.segment.start_seconds
            found.speakers.add(row.speaker)
        yield from rows.values()


def read_talk(
    stm: Path, sph: Path, seconds: float, dictionary: Set[str] | None, left_out: list[str]
) -> dict[str, Utterance]:  # fmt: skip
    """Every line of one talk by its id, or into ``left_out`` with the reason; ``seconds`` 0: not known."""
    rows: dict[str, Utterance] = {}
    for spoken in read_stm(stm):
        words = clean(spoken.text, dictionary)
        why = ""
        if IGNORED in spoken.text:
            why = IGNORED
        elif not words:
            why = "no words"
        elif not 0 <= spoken.start_seconds < spoken.end_seconds:
            why = f"no time: {spoken.start_seconds} to {spoken.end_seconds} s"
        elif seconds and spoken.end_seconds > seconds + OVERSHOOT_SECONDS:
            why = f"ends at {spoken.end_seconds} s of a recording of {seconds:.2f} s"
        elif spoken.name in rows:
            why = "the same times as another segment of the talk"
        if why:
            left_out.append(f"{spoken.name} {why}")
            continue
        segment = Segment(spoken.talk, spoken.start_seconds, spoken.end_seconds)
        rows[spoken.name] = Utterance(spoken.name, spoken.speaker, str(sph), words, segment=segment)
    return rows


if __name__ == "__main__":
    run(options(), main)
