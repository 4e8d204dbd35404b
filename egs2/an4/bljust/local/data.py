"""Stage 1 of the recipe `an4`: CMU's census database, from a folder of yours or downloaded, as data/<set>."""

import argparse
from pathlib import Path

from an4 import Recording, check_audio, convert_raw, find_root, read_list, read_transcripts

from espnet_bljust.command import run
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.folder import write_unlabelled
from espnet_bljust.data.kaldi.directory import KaldiDir, write_dir
from espnet_bljust.disk.archive import extract
from espnet_bljust.disk.download import download
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE

DOWNLOADS = Path("downloads")
URLS = [
    "https://dldata-public.s3.us-east-2.amazonaws.com/an4_sphere.tar.gz",  # NVIDIA's mirror, as in NeMo's tutorials
    "https://huggingface.co/datasets/espnet/an4/resolve/main/an4_sphere.tar.gz",  # ESPnet's
    "http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz",
]
# CMU publishes none; this one is NVIDIA's mirror's, as a script for NeMo by A. Salikov (2026, Apache-2.0) states it.
SHA256 = "a0525579493735d32b60fb6fa5975dd0eaacde087b0a4eeb7f13b7ef33077b12"


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--an4_dir", default="", help="folder with AN4's etc and wav (db.sh: AN4; else a download)")
    parser.add_argument("--an4_url", default="", help="where to download an4_sphere.tar.gz from (mirrors, then CMU)")
    parser.add_argument(
        "--unlabelled_dir", default="", help="folder of any audio -> data/unlabelled (db.sh: UNLABELLED)"
    )
    parser.add_argument("--samples_list", type=Path, default=Path(__file__).with_name("an4_samples.tsv"))
    return parser


def main(arguments: argparse.Namespace) -> None:
    folders = read_db() if Path("db.sh").is_file() else {}
    source = arguments.an4_dir or folders.get("AN4", "")
    root = find_root(Path(source).absolute() if source else fetch(arguments.an4_url))
    recordings = read_list(arguments.samples_list)
    words = read_transcripts(root)
    found = check_audio(root, recordings)
    problems = found.problems + compare_transcripts(words, recordings)
    report(problems, root, len(recordings))
    audio = convert_raw(found.audio, DOWNLOADS / "an4_flac")
    summary = []
    for name in ("train", "dev", "test"):
        chosen = [recording for recording in recordings if recording.set_name == name]
        write_dir(Path("data") / name, describe(chosen, audio, words))
        summary.append(summarise(name, chosen))
    summary += write_unlabelled(arguments.unlabelled_dir or folders.get("UNLABELLED", ""))
    print("; ".join(summary))


def fetch(url: str) -> Path:
    """downloads/an4, downloaded and unpacked where that has not been done."""
    folder = DOWNLOADS / "an4"
    if not folder.is_dir():
        archive = DOWNLOADS / "an4_sphere.tar.gz"
        download([url] if url else URLS, archive, sha256=SHA256)
        extract(archive, folder)
    return folder


def compare_transcripts(words: dict[str, str], recordings: list[Recording]) -> list[str]:
    """Utterances of the list without a transcript, and the other way round."""
    listed = {recording.utterance for recording in recordings}
    problems = [f"{utterance}: no transcript in etc." for utterance in sorted(listed - words.keys())]
    return problems + [f"{utterance}: not an utterance of AN4's list." for utterance in sorted(words.keys() - listed)]


def report(problems: list[str], root: Path, total: int) -> None:
    """One line for the user, all of it in a list."""
    if not problems:
        return
    path = Path("data/an4_problems.txt")
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, "".join(problem + "\n" for problem in problems))
    raise InputError(
        f"{root}: {len(problems)} problems with the {total} recordings of AN4, first: {problems[0]} "
        f"All of them: {path}. Fetch the corpus again, whole."
    )


def describe(recordings: list[Recording], audio: dict[str, Path], words: dict[str, str]) -> KaldiDir:
    return KaldiDir(
        wavs={recording.utterance: str(audio[recording.utterance]) for recording in recordings},
        utt2spk={recording.utterance: recording.speaker for recording in recordings},
        text={recording.utterance: words[recording.utterance] for recording in recordings},
    )


def summarise(name: str, recordings: list[Recording]) -> str:
    hours = sum(recording.num_samples for recording in recordings) / SAMPLE_RATE / 3600
    speakers = len({recording.speaker for recording in recordings})
    return f"{name} {len(recordings)} utterances, {speakers} speakers, {hours:.2f} h"


if __name__ == "__main__":
    run(options(), main)
