"""Stage 1 of the recipe `mboshi`: the official dev half as test, a dev set cut from the training half; data/<set>."""

import argparse
from pathlib import Path

import mboshi
from mboshi import Utterance

from espnet_bljust.command import run
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.folder import write_unlabelled
from espnet_bljust.data.kaldi.directory import KaldiDir, write_dir
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.errors import InputError

CLONE = "git clone https://github.com/besacier/mboshi-french-parallel-corpus"


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mboshi_dir", default="", help="folder with full_corpus_newsplit (db.sh: MBOSHI)")
    parser.add_argument("--unlabelled_dir", default="",
                        help="folder of any audio -> data/unlabelled (db.sh: UNLABELLED)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    folders = read_db() if Path("db.sh").is_file() else {}
    source = arguments.mboshi_dir or folders.get("MBOSHI", "")
    if not source:
        raise InputError(f"--mboshi_dir: where is the corpus? {CLONE}, then --local_data_opts '--mboshi_dir <folder>'.")
    root = mboshi.find_root(Path(source).absolute())
    halves = {half: mboshi.read_half(root / half) for half in mboshi.HALVES}
    train, test = (halves[half].utterances for half in mboshi.HALVES)
    twice = {one.name for one in train} & {one.name for one in test}
    problems = [problem for half in halves.values() for problem in half.problems]
    problems += [f"{root / 'dev' / name}: in train, too. Copy the corpus again." for name in sorted(twice)]
    raise_listed(problems, Path("data/mboshi_problems.txt"), str(root))
    sets = {name: [one for one in train if one.is_dev == (name == "dev")] for name in ("train", "dev")} | {"test": test}
    for name, utterances in sets.items():
        if not utterances:
            raise InputError(f"{root}: no utterance for {name}. Fetch the whole corpus: {CLONE}.")
        write_dir(Path("data") / name, describe(utterances))
    summary = [summarise(name, utterances) for name, utterances in sets.items()]
    summary += remarks([*train, *test])
    summary += write_unlabelled(arguments.unlabelled_dir or folders.get("UNLABELLED", ""))
    print("; ".join(summary))


def describe(utterances: list[Utterance]) -> KaldiDir:
    return KaldiDir(
        wavs={one.name: str(one.audio) for one in utterances},
        utt2spk={one.name: one.speaker for one in utterances},
        text={one.name: one.words for one in utterances},
    )


def summarise(name: str, utterances: list[Utterance]) -> str:
    hours = sum(one.seconds for one in utterances) / 3600
    return f"{name} {len(utterances)} utterances, {len({one.speaker for one in utterances})} speakers, {hours:.2f} h"


def remarks(utterances: list[Utterance]) -> list[str]:
    """What is not as it should be, but no problem."""
    short = sum(one.is_short for one in utterances)
    whole = len(utterances) == mboshi.OFFICIAL
    return [*([f"{short} recordings end before their headers say, stage 3 lists them"] if short else []),
            *([] if whole else [f"A PART OF THE CORPUS, which has {mboshi.OFFICIAL} utterances"])]  # fmt: skip


if __name__ == "__main__":
    run(options(), main)
