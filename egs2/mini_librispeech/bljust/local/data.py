"""Stage 1 of the recipe `mini_librispeech`: five hours, from a folder of yours or downloaded, as data/<set>.

MD5 of the two small archives: https://www.openslr.org/resources/31/md5sum.txt (the same in PaddleSpeech,
dataset/mini_librispeech/mini_librispeech.py, ef27a0e); SHA-256 of test-clean: torchaudio 2.11, datasets/librispeech.py.
"""

import argparse
import os
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.command import run
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.librispeech import Source, find_part
from espnet_bljust.data.corpus.librispeech_sets import make_sets
from espnet_bljust.disk.archive import fetch
from espnet_bljust.errors import InputError

DOWNLOADS = Path("downloads")
OPENSLR = ("https://www.openslr.org", "https://us.openslr.org", "https://openslr.elda.org")  # the site and two mirrors


class Part(NamedTuple):
    """A set, the part that it is, and its archive."""

    set_name: str
    name: str
    listed_as: str  # what SPEAKERS.TXT calls the part that its speakers are from, or how that begins
    resource: int  # at openslr.org
    checksum: dict[str, str]


PARTS = (
    Part("train", "train-clean-5", "train-clean", 31, {"md5": "5df7d4e78065366204ca6845bb08f490"}),
    Part("dev", "dev-clean-2", "dev-clean", 31, {"md5": "6d7ab67ac6a1d2c993d050e16d61080d"}),
    Part("test", "test-clean", "test-clean", 12,
         {"sha256": "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23"}),
)  # fmt: skip


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--librispeech_dir", default="", help="holds the parts (db.sh: LIBRISPEECH; else a download)")
    parser.add_argument("--nj", type=int, default=len(os.sched_getaffinity(0)), help="threads that read (cores)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    folders = read_db() if Path("db.sh").is_file() else {}
    root = arguments.librispeech_dir or folders.get("LIBRISPEECH", "")
    found = {part.name: find_part(Path(root).absolute() if root else download(part), part.name) for part in PARTS}
    missing = [name for name, folder in found.items() if folder is None]
    if missing:
        raise InputError(f"{root}: no {', no '.join(missing)} in it or in its LibriSpeech. Unpack the archives there, "
                         "or leave LIBRISPEECH empty for a download.")
    sets = {
        part.set_name: [Source(folder, part.listed_as, folder.parent / "SPEAKERS.TXT")]
        for part in PARTS if (folder := found[part.name])
    }  # fmt: skip
    print(make_sets(Path("data"), sets, training=["train"], threads=max(1, arguments.nj)))


def download(part: Part) -> Path:
    """The unpacked archive of a part."""
    urls = [f"{site}/resources/{part.resource}/{part.name}.tar.gz" for site in OPENSLR]
    return fetch(urls, DOWNLOADS / f"{part.name}.tar.gz", DOWNLOADS / part.name, **part.checksum)


if __name__ == "__main__":
    run(options(), main)
