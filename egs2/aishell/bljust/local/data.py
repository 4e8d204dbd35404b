"""Stage 1 of the recipe `aishell`: AISHELL-1 as train, dev and test; AISHELL-2 as pretrain and pretrain_valid."""

import argparse
from pathlib import Path

import aishell1
import aishell2

from espnet_bljust.bin.command import run
from espnet_bljust.data.archive import extract, extract_beside
from espnet_bljust.data.db import read_db
from espnet_bljust.data.download import download
from espnet_bljust.data.files import write_atomic
from espnet_bljust.data.kaldi_dir import KaldiDir, write_dir
from espnet_bljust.data.problems import raise_listed
from espnet_bljust.data.wav import check_wavs
from espnet_bljust.errors import InputError

DOWNLOADS = Path("downloads")
URLS = [
    "https://www.openslr.org/resources/33/data_aishell.tgz",
    "https://us.openslr.org/resources/33/data_aishell.tgz",
]
MD5 = "2f494334227864a8a8fec932999db9d8"  # as PaddleSpeech's dataset/aishell/aishell.py states it
SAMPLE_RATE = 16000


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
    labelled = labelled_sets(aishell1.find_root(Path(first).absolute() if first else fetch(arguments.aishell1_url)))
    summary = [f"{name} {len(found.wavs)} utterances" for name, found in labelled.items()]
    if second != "none":
        held_out = {text for name in ("dev", "test") for text in labelled[name].text.values()}
        summary.append(unlabelled_sets(aishell2.find_root(Path(second).absolute()), held_out, arguments))
    for name, found in labelled.items():
        write_dir(Path("data") / name, found)
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


def labelled_sets(root: Path) -> dict[str, KaldiDir]:
    """AISHELL-1's sets; recordings without a transcript, which are few, are listed and left out."""
    corpus = aishell1.read_corpus(root)
    wavs = [path for found in corpus.wavs.values() for path in found.values()]
    problems = corpus.problems + list(check_wavs(wavs, SAMPLE_RATE, "headers of AISHELL-1"))
    raise_listed(problems, Path("data/aishell1_problems.txt"), f"{root} (get it again, whole)")
    list_ids(Path("data/aishell1_untranscribed.txt"), corpus.untranscribed)
    return {
        name: KaldiDir(
            wavs=found,
            utt2spk={utterance: Path(path).parent.name for utterance, path in found.items()},
            text={utterance: corpus.text[utterance] for utterance in found},
        )
        for name, found in corpus.wavs.items()
    }


def unlabelled_sets(root: Path, held_out: set[str], arguments: argparse.Namespace) -> str:
    """AISHELL-2 without the sentences of ``held_out``, joined, as two sets; what became of it."""
    corpus = aishell2.read_corpus(root)
    paths = [recording.path for recording in corpus.recordings]
    problems = corpus.problems + list(check_wavs(paths, SAMPLE_RATE, "headers of AISHELL-2"))
    raise_listed(problems, Path("data/aishell2_problems.txt"), f"{root} (get it again, whole)")
    kept, removed = aishell2.unheard(corpus, held_out)
    list_ids(Path("data/aishell2_removed.txt"), [recording.utterance for recording in removed])
    joined = list(aishell2.join(kept, arguments.join))
    if len(joined) < 2:
        raise InputError(f"{root}: {len(kept)} of {len(paths)} recordings are left, too few for two sets. Is it whole?")
    training, valid = aishell2.split_off(joined, arguments.valid_share)
    write_dir("data/pretrain", aishell2.describe(training))
    write_dir("data/pretrain_valid", aishell2.describe(valid))
    return (f"AISHELL-2 {len(paths)} recordings, {len(removed)} of them with a sentence of dev or test removed "
            f"(data/aishell2_removed.txt), {len(kept)} joined to {len(joined)}")


def list_ids(path: Path, ids: list[str]) -> None:
    """One a line; an empty list, too, says something."""
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, "".join(name + "\n" for name in ids))


if __name__ == "__main__":
    run(options(), main)
