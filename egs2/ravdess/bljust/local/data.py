"""Stage 1 of the recipe `ravdess`: emotions as one-word transcripts; no actor in two of train, dev and test."""

import argparse
import sys
from pathlib import Path

import ravdess
from ravdess import Recording

from espnet_bljust.command import run, true_false
from espnet_bljust.data.audio.wav import check_wavs
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.folder import write_unlabelled
from espnet_bljust.data.kaldi.directory import KaldiDir, write_dir
from espnet_bljust.disk.archive import extract_zip
from espnet_bljust.disk.download import download
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.errors import InputError

DOWNLOADS = Path("downloads")
URLS = ["https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1"]
MD5 = "bc696df654c87fed845eb13823edef8a"  # of the 208,468,073 bytes, as Zenodo's record 1188976 states it
SAMPLE_RATE = 48000
FOLDS = (3, 4, 6, 8, 12)  # divide 24 actors into even groups


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ravdess_dir", default="", help="folder with Actor_01 ... (db.sh: RAVDESS; else a download)")
    parser.add_argument("--ravdess_url", default="", help="where to download Audio_Speech_Actors_01-24.zip from")
    parser.add_argument("--fold", type=int, default=1, help="of the cross-validation over actors (%(default)s)")
    parser.add_argument("--folds", type=int, choices=FOLDS, default=6, help="how many there are (%(default)s)")
    parser.add_argument(
        "--split", choices=("speakers", "files"), default="speakers", help="files leaks: each actor is in all sets"
    )
    parser.add_argument("--suffix", default="", help="behind the names of the sets: data/train<suffix> ...")
    parser.add_argument("--partial", type=true_false, default=False, help="go on with a part of the corpus")
    parser.add_argument(
        "--unlabelled_dir", default="", help="folder of any audio -> data/unlabelled (db.sh: UNLABELLED)"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.fold <= arguments.folds:
        raise InputError(f"--fold {arguments.fold}: not between 1 and --folds {arguments.folds}. Choose one of them.")
    folders = read_db() if Path("db.sh").is_file() else {}
    source = arguments.ravdess_dir or folders.get("RAVDESS", "")
    root = ravdess.find_root(Path(source).absolute() if source else fetch(arguments.ravdess_url))
    recordings, others = checked(root, partial=arguments.partial)
    if arguments.split == "files":
        print(
            "--split files LEAKS: every actor of dev and test is heard in training, too. It is here to compare with "
            "published figures that do the same; what it gives says little about a new voice.",
            file=sys.stderr,
        )
        sets = ravdess.by_file(recordings)
    else:
        sets = ravdess.by_speaker(recordings, arguments.fold, arguments.folds)
    for name, found in sets.items():
        if not found:
            raise InputError(
                f"{root}: fold {arguments.fold} of {arguments.folds} leaves no actor for {name}. Take another --fold, "
                "fewer --folds or all 24 actors; or --split files, which leaks."
            )
    summary = []
    for name, found in sets.items():
        name += arguments.suffix
        write_dir(Path("data") / name, describe(found))
        summary.append(f"{name} {len(found)} files of {len({recording.actor for recording in found})} actors")
    summary += write_unlabelled(arguments.unlabelled_dir or folders.get("UNLABELLED", ""))
    print("; ".join(summary) + (f"; {others} files of song or film left alone" if others else ""))


def fetch(url: str) -> Path:
    """downloads/ravdess, downloaded and unpacked where that has not been done."""
    folder = DOWNLOADS / "ravdess"
    if not folder.is_dir():
        archive = DOWNLOADS / "Audio_Speech_Actors_01-24.zip"
        download([url] if url else URLS, archive, md5=MD5)
        extract_zip(archive, folder)
    return folder


def checked(root: Path, *, partial: bool) -> tuple[list[Recording], int]:
    """All recordings, whole and of the corpus's form, and how many other files lie there."""
    corpus = ravdess.read_corpus(root)
    paths = [str(recording.path) for recording in corpus.recordings]
    problems = corpus.problems + list(check_wavs(paths, SAMPLE_RATE, "headers of RAVDESS", most_channels=2))
    missing = [f"{root}: {name}.wav is missing." for name in corpus.missing]
    remedy = "get it again, whole" + ("" if partial else "; or take what is there: --partial true")
    raise_listed(problems + ([] if partial else missing), Path("data/ravdess_problems.txt"), f"{root} ({remedy})")
    path = Path("data/ravdess_missing.txt")
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, "".join(name + "\n" for name in corpus.missing))
    if missing:
        print(f"{len(missing)} of 1440 files are missing: {path}", file=sys.stderr)
    return corpus.recordings, corpus.others


def describe(recordings: list[Recording]) -> KaldiDir:
    return KaldiDir(
        wavs={recording.utterance: str(recording.path) for recording in recordings},
        utt2spk={recording.utterance: recording.speaker for recording in recordings},
        text={recording.utterance: recording.emotion for recording in recordings},
    )


if __name__ == "__main__":
    run(options(), main)
