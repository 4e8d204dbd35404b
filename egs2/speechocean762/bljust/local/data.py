"""Stage 1 of the recipe `speechocean762`: OpenSLR 101, from a folder of yours or downloaded, as data/<set>.

    <root>/{train,test}/{wav.scp,text,utt2spk}     Kaldi's tables; paths of wav.scp start at <root>
Every eighth speaker of the training half, in the order of their numbers, is dev: its first, ninth and so on.
Folders SPEAKERnnnn of the unlabelled audio, as in the corpus's WAVE, are left out where the speaker is in dev or test.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run, true_false
from espnet_bljust.data.audio.headers import check_headers
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.folder import write_unlabelled
from espnet_bljust.data.kaldi.directory import KaldiDir, scan_dir, write_dir
from espnet_bljust.disk.archive import extract
from espnet_bljust.disk.download import download
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE

DOWNLOADS = Path("downloads")
URLS = [f"https://{host}/resources/101/speechocean762.tar.gz" for host in
        ("www.openslr.org", "openslr.elda.org", "openslr.magicdatatech.com")]
EIGHTHS = {  # the training half by the position of a speaker, modulo 8
    "official": {"dev": {0}},  # the rest is train; test is the official half
    "speakers": {"dev": {0}, "test": {2, 4, 6}},
}


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speechocean762_dir", default="", help="the corpus (db.sh: SPEECHOCEAN762; else a download)")
    parser.add_argument("--speechocean762_url", default="", help="where to download speechocean762.tar.gz from")
    parser.add_argument("--trust_download", type=true_false, default=False,
                        help="true: download it though no checksum is published; the first one's is recorded")
    parser.add_argument("--split", choices=EIGHTHS, default="official",
                        help="official: both halves; speakers: train, dev and test from the training half alone")
    parser.add_argument("--unlabelled_dir", default="",
                        help="folder of any audio -> data/unlabelled (db.sh: UNLABELLED)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    folders = read_db() if Path("db.sh").is_file() else {}
    source = arguments.speechocean762_dir or folders.get("SPEECHOCEAN762", "")
    root = Path(source).absolute() if source else fetch(arguments).absolute()
    halves = ["train", "test"] if arguments.split == "official" else ["train"]
    for half in halves:
        if not (root / half / "wav.scp").is_file():
            remedy = "Name the folder that holds train, test and WAVE; --split speakers does without the test half."
            raise InputError(f"{root}: no {half}/wav.scp in it. {remedy}")
    found = {half: read_half(root, half) for half in halves}
    raise_listed([problem for _, problems in found.values() for problem in problems],
                 Path("data/speechocean762_problems.txt"), str(root), remedy="Fetch the corpus again.")
    sets = cut(found["train"][0], EIGHTHS[arguments.split]) | ({"test": found["test"][0]} if "test" in found else {})
    summary = []
    for name, directory in sets.items():
        write_dir(Path("data") / name, directory)
        summary.append(f"{name} {len(directory.wavs)} utterances, {len(set(directory.utt2spk.values()))} speakers")
    heard = {f"SPEAKER{speaker}" for name in ("dev", "test") for speaker in sets[name].utt2spk.values()}
    summary += write_unlabelled(arguments.unlabelled_dir or folders.get("UNLABELLED", ""), skip=heard)
    print("; ".join(summary))


def fetch(arguments: argparse.Namespace) -> Path:
    """downloads/speechocean762, downloaded and unpacked where that has not been done."""
    folder = DOWNLOADS / "speechocean762"
    if not folder.is_dir():
        archive = DOWNLOADS / "speechocean762.tar.gz"
        urls = [arguments.speechocean762_url] if arguments.speechocean762_url else URLS
        download(urls, archive, trust_first=arguments.trust_download)
        extract(archive, folder)
    inner = folder / "speechocean762"  # as packed
    return inner if inner.is_dir() else folder


def read_half(root: Path, half: str) -> tuple[KaldiDir, list[str]]:
    """A half of the corpus with absolute paths, and everything that is wrong in it."""
    directory, problems = scan_dir(root / half, require_text=True)
    wavs = {utterance: str(root / path) for utterance, path in directory.wavs.items()}
    problems += check_headers(map(Path, wavs.values()), SAMPLE_RATE)[1]
    return KaldiDir(wavs=wavs, utt2spk=directory.utt2spk, text=directory.text), problems


def cut(half: KaldiDir, positions: dict[str, set[int]]) -> dict[str, KaldiDir]:
    """train, and the sets of ``positions``: no speaker is in two of them."""
    place = {speaker: position % 8 for position, speaker in enumerate(sorted(set(half.utt2spk.values())))}
    taken = set().union(*positions.values())
    wanted = {"train": set(range(8)) - taken, **positions}
    return {name: part(half, [key for key in half.utterances if place[half.utt2spk[key]] in places])
            for name, places in wanted.items()}


def part(directory: KaldiDir, utterances: list[str]) -> KaldiDir:
    """These utterances of it."""
    tables = (directory.wavs, directory.utt2spk, directory.text or {})
    return KaldiDir(*({key: table[key] for key in utterances} for table in tables))


if __name__ == "__main__":
    run(options(), main)
