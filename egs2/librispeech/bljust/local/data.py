"""Stage 1 of the recipe `librispeech`: parts of LibriSpeech, from a folder of yours or downloaded, as data/<set>.

    train        what --labelled names          dev_clean, dev_other      what --dev names
    unlabelled   the rest of --unlabelled       test_clean, test_other    what --test names
"""

import argparse
import os
from pathlib import Path

from parts import FOLDS, LIMITED, SHA256, check_names, find_parts, limited, read_ids, utterances_of

from espnet_bljust.command import run
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.librispeech import Source
from espnet_bljust.data.corpus.librispeech_sets import make_sets
from espnet_bljust.errors import InputError


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--librispeech_dir", default="", help="holds LibriSpeech (db.sh: LIBRISPEECH; else a download)")
    parser.add_argument("--librilight_dir", default="", help="holds librispeech_finetuning (db.sh: LIBRILIGHT_LIMITED)")
    parser.add_argument("--labelled", nargs="+", default=["train-clean-100"],
                        help="train parts; or 10min, 1h, 10h: Libri-light's; or a file of ids in --unlabelled")
    parser.add_argument("--unlabelled", nargs="*", default=["train-clean-360", "train-other-500"],
                        help="train parts, of which what is labelled is left out (%(default)s)")
    parser.add_argument("--dev", nargs="*", default=["dev-clean", "dev-other"], help="parts (%(default)s)")
    parser.add_argument("--test", nargs="*", default=["test-clean", "test-other"], help="parts (%(default)s)")
    parser.add_argument("--fold", type=int, choices=FOLDS, default=0, help="which sixth of the hour 10min is")
    parser.add_argument("--nj", type=int, default=len(os.sched_getaffinity(0)), help="threads that read (cores)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    folders = read_db() if Path("db.sh").is_file() else {}
    for names, kind in ((arguments.unlabelled, "train"), (arguments.dev, "dev"), (arguments.test, "test")):
        check_names(names, kind)
    evaluation = [*arguments.dev, *arguments.test]
    root = folder_of(arguments.librispeech_dir or folders.get("LIBRISPEECH", ""))
    parts = find_parts(root, dict.fromkeys([*labelled_parts(arguments), *arguments.unlabelled, *evaluation]))
    limited_root = folder_of(arguments.librilight_dir or folders.get("LIBRILIGHT_LIMITED", ""))
    train, ids = labelled(arguments, parts, limited_root)
    sets = {"train": train}
    if arguments.unlabelled:
        sets["unlabelled"] = [parts[name]._replace(without=ids) for name in arguments.unlabelled]
    sets |= {name.replace("-", "_"): [parts[name]] for name in evaluation}
    print(make_sets(Path("data"), sets, training=("train", "unlabelled"), without_text=("unlabelled",),
                    threads=max(1, arguments.nj)))  # fmt: skip


def folder_of(name: str) -> Path | None:
    return Path(name).absolute() if name else None


def labelled_parts(arguments: argparse.Namespace) -> list[str]:
    """The parts that --labelled names; none where it names an amount or a file of ids."""
    words = arguments.labelled
    if len(words) == 1 and (words[0] in LIMITED or (words[0] not in SHA256 and Path(words[0]).is_file())):
        return []
    check_names(words, "train")
    twice = sorted({*words} & {*arguments.unlabelled})
    if twice:
        raise InputError(f"{twice[0]}: in --labelled and in --unlabelled. Name it in one of them.")
    return words


def labelled(
    arguments: argparse.Namespace, parts: dict[str, Source], limited_root: Path | None
) -> tuple[list[Source], set[str]]:
    """What the training set is made of, and the ids in it that the unlabelled set must not hold."""
    if names := labelled_parts(arguments):
        return [parts[name] for name in names], set()
    if arguments.labelled[0] in LIMITED:
        speakers = next((source.speakers for source in parts.values()), Path("SPEAKERS.TXT"))
        sources = limited(limited_root, arguments.labelled[0], arguments.fold, speakers)
        return sources, utterances_of(sources)
    pool = [parts[name] for name in arguments.unlabelled]
    ids = read_ids(Path(arguments.labelled[0]), pool)
    return [source._replace(only=ids) for source in pool], ids


if __name__ == "__main__":
    run(options(), main)
