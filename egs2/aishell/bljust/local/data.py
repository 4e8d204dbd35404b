"""Stage 1 of the recipe `aishell`: AISHELL-1 as train, dev and test; AISHELL-2 as pretrain and pretrain_valid."""

import argparse
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aishell1
import aishell2

from espnet_bljust.command import run
from espnet_bljust.data.audio.wav import check_wavs
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.kaldi.new_sets import grow_sets, place_sets
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.archive import extract, extract_beside
from espnet_bljust.disk.download import download
from espnet_bljust.disk.files import fresh_dir, write_atomic
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.disk.sorting import BETWEEN, open_lines, record, sorted_lines
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE

DATA, DOWNLOADS = Path("data"), Path("downloads")
URLS = [
    "https://www.openslr.org/resources/33/data_aishell.tgz",
    "https://us.openslr.org/resources/33/data_aishell.tgz",
]
MD5 = "2f494334227864a8a8fec932999db9d8"  # as PaddleSpeech's dataset/aishell/aishell.py states it


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aishell1_dir", default="", help="folder with AISHELL-1 (db.sh: AISHELL1; else a download)")
    parser.add_argument("--aishell2_dir", default="", help="folder with AISHELL-2 (db.sh: AISHELL2); none: without it")
    parser.add_argument("--aishell1_url", default="", help="where to download data_aishell.tgz from")
    parser.add_argument("--join", type=int, default=6, help="recordings of AISHELL-2 joined to one (%(default)s)")
    parser.add_argument("--valid_share", type=float, default=0.01, help="of AISHELL-2, for validation (%(default)s)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    folders = read_db() if Path("db.sh").is_file() else {}
    second = arguments.aishell2_dir or folders.get("AISHELL2", "")
    if not second:
        raise InputError(
            "AISHELL2 of db.sh: empty, and AISHELL-2 cannot be downloaded. Name its folder, or go without it: "
            "./run.sh --unlabelled_sets '' --unlabelled_valid_set '' --ssl_on_labelled true "
            "--local_data_opts '--aishell2_dir none'"
        )
    if arguments.join < 1 or not 0 < arguments.valid_share < 1:
        raise InputError("--join or --valid_share: at least 1, and a share between 0 and 1. Mend it.")
    first = arguments.aishell1_dir or folders.get("AISHELL1", "")
    root = aishell1.find_root(Path(first).absolute() if first else fetch(arguments.aishell1_url))
    spool = fresh_dir(DATA / "spool.tmp")
    held_out: set[str] = set()
    labelled = labelled_sets(root, held_out, spool)
    summary = [f"{name} {count} utterances" for name, count in labelled.items()]
    if second != "none":
        summary.append(unlabelled_sets(aishell2.find_root(Path(second).absolute()), held_out, arguments, spool))
        place_sets(DATA, ["pretrain", "pretrain_valid"])
    place_sets(DATA, labelled)
    shutil.rmtree(spool)
    print("; ".join(summary))


def fetch(url: str) -> Path:
    """downloads/aishell1, downloaded and unpacked, with the archives of the speakers in it, where that is not done."""
    folder = DOWNLOADS / "aishell1"
    if not folder.is_dir():
        archive = DOWNLOADS / "data_aishell.tgz"
        download([url] if url else URLS, archive, md5=MD5)
        extract(archive, folder)
    extract_beside(sorted(folder.glob("data_aishell/wav/*.tar.gz")))
    return folder


def labelled_sets(root: Path, held_out: set[str], spool: Path) -> dict[str, int]:
    """AISHELL-1's sets grown, and their sizes; ``held_out`` gets the sentences of dev and test.

    Recordings without a transcript, which are few, are listed and left out.
    """
    problems: list[str] = []
    untranscribed: list[str] = []
    found = spool / "aishell1"
    sizes = dict.fromkeys(aishell1.SETS, 0)

    def noted() -> Iterator[str]:
        with open_lines(found, "w") as file:
            for recording in aishell1.read_corpus(root, spool, problems):
                if recording.text is None:
                    untranscribed.append(recording.utterance)
                    continue
                sizes[recording.set] += 1
                if recording.set != "train":
                    held_out.add(recording.text)
                file.write(record(*recording) + "\n")
                yield recording.path

    problems += list(check_wavs(noted(), SAMPLE_RATE, "headers of AISHELL-1"))
    if len(untranscribed) > aishell1.MOST_UNTRANSCRIBED * (sum(sizes.values()) + len(untranscribed)):
        where = root / aishell1.TRANSCRIPT
        problems += [f"{utterance}: no line in {where}. Get the file again." for utterance in untranscribed]
    raise_listed(problems, DATA / "aishell1_problems.txt", f"{root} (get it again, whole)")
    write_atomic(DATA / "aishell1_untranscribed.txt", "".join(name + "\n" for name in untranscribed))
    problems = grow_sets(DATA, {name: labelled_rows(found, name) for name in sizes})
    raise_listed(problems, DATA / "aishell1_problems.txt", str(root))
    return sizes


def labelled_rows(found: Path, name: str) -> Iterator[Utterance]:
    """The recordings of one of AISHELL-1's sets."""
    with open_lines(found, "r") as file:
        for line in file:
            utterance, part, speaker, path, text = line[:-1].split(BETWEEN)
            if part == name:
                yield Utterance(utterance, speaker, path, text)


def unlabelled_sets(root: Path, held_out: set[str], arguments: argparse.Namespace, spool: Path) -> str:
    """AISHELL-2 without the sentences of ``held_out``, joined, as two sets grown; what became of it."""
    problems: list[str] = []
    counts: Counter[str] = Counter()
    removed = DATA / "aishell2_removed.txt"

    def noted() -> Iterator[str]:
        with open_lines(spool / "kept", "w") as kept, open_lines(removed, "w") as gone:
            for line in sorted_lines(aishell2.read_corpus(root, held_out, spool, problems), spool):
                _, utterance, path, heard = line.split(BETWEEN)
                counts["removed" if heard else "kept"] += 1
                (gone if heard else kept).write(f"{utterance}\n" if heard else record(utterance, path) + "\n")
                yield path

    def joined() -> Iterator[tuple[aishell2.Recording, ...]]:
        with open_lines(spool / "kept", "r") as file:
            recordings = (aishell2.Recording(*line[:-1].split(BETWEEN)) for line in file)
            yield from aishell2.join(recordings, arguments.join)

    problems += list(check_wavs(noted(), SAMPLE_RATE, "headers of AISHELL-2"))
    raise_listed(problems, DATA / "aishell2_problems.txt", f"{root} (get it again, whole)")
    total = sum(1 for _ in joined())
    if total < 2:
        left = f"{counts['kept']} of {counts.total()} recordings are left"
        raise InputError(f"{root}: {left}, too few for two sets. Is it whole?")
    valid = aishell2.choose_valid((part[0].utterance for part in joined()), arguments.valid_share, total)
    sets = {
        "pretrain": (aishell2.describe(part) for part in joined() if part[0].utterance not in valid),
        "pretrain_valid": (aishell2.describe(part) for part in joined() if part[0].utterance in valid),
    }
    raise_listed(grow_sets(DATA, sets, without_text=sets), DATA / "aishell2_problems.txt", str(root))
    return (f"AISHELL-2 {counts.total()} recordings, {counts['removed']} of them with a sentence of dev or test "
            f"removed ({removed}), {counts['kept']} joined to {total}")


if __name__ == "__main__":
    run(options(), main)
