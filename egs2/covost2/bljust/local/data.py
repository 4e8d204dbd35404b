"""Stage 1 of the recipe `covost2`: one language of Common Voice, split as CoVoST 2 has it, as data/<set>_<lang>."""

import argparse
import hashlib
import os
from pathlib import Path

from common_voice import (
    SPLIT_NAMES,
    Clip,
    Splits,
    find_language,
    read_clips,
    read_covost,
    read_own_splits,
    read_validated,
    sizes,
    unpacked,
)

from espnet_bljust.bin.command import run
from espnet_bljust.data.assemble import ROLES, Corpus, Spelling, write_sets
from espnet_bljust.data.db import read_db
from espnet_bljust.data.files import write_atomic
from espnet_bljust.data.kaldi_dir import read_dir
from espnet_bljust.data.mp3 import mp3_length
from espnet_bljust.data.normalise import POLICIES
from espnet_bljust.data.problems import list_offenders
from espnet_bljust.errors import InputError

DOWNLOADS = Path("downloads")
LABEL_HOURS = {"nl": 2.0, "mn": 3.0, "ar": 2.0}  # Wav2Vec2-JUST report, table 3


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", required=True, help="Common Voice's code of the language: nl, mn, ar ...")
    parser.add_argument("--commonvoice", default="", help="a release, extracted or .tar.gz (db.sh: COMMONVOICE)")
    parser.add_argument("--covost", default="", help="folder or .tar.gz of covost_v2.<lang>_en*.tsv (db.sh: COVOST)")
    parser.add_argument("--label_hours", type=float, help="hours of the list of labels (nl 2, mn 3, ar 2, others none)")
    parser.add_argument("--text_policy", choices=POLICIES, default="plain", help="how transcripts are normalised")
    parser.add_argument("--digits", choices=("keep", "reject"), default="keep",
                        help="reject: a training utterance with digits or symbols gives up its transcript")
    parser.add_argument("--skip_problems", choices=("true", "false"), default="false", help="go on without bad clips")
    return parser


def main(arguments: argparse.Namespace) -> None:
    language, problems = arguments.lang, []
    folder, covost = find_sources(arguments)
    validated = read_validated(folder, covost, language, problems)
    other = read_clips(folder / "other.tsv", language, problems) if (folder / "other.tsv").is_file() else {}
    splits = read_covost(covost, language, problems) if covost else read_own_splits(folder, language, problems)
    problems += [f"{name}: in a split of {splits.origin}, but not in validated.tsv. Is it another release?"
                 for name in splits.of_clip if name not in validated]
    bytes_of = sizes(folder / "clips")
    clips = present({**other, **validated}, bytes_of, folder / "clips", problems)
    skip = arguments.skip_problems == "true"
    problems = list(dict.fromkeys(problems))  # a table is read for its clips and for its split
    skipped = list_offenders(problems, Path("data/problems.txt"), where=str(folder), skip=skip)
    corpus = describe(clips, validated.keys(), splits, folder / "clips")
    spelling = Spelling(language, arguments.text_policy, arguments.digits)
    names = {role: f"{role}_{language}" for role in ROLES}
    lines = write_sets(corpus, spelling, names)
    hours = arguments.label_hours or LABEL_HOURS.get(language)
    listed = write_labels(Path("data") / names["train"], language, hours, splits) if hours else ""
    unlisted = list_unlisted(bytes_of, folder, language, {**other, **validated})
    print("\n".join(filter(None, [skipped, unlisted, f"split by {splits.origin}", listed, *lines])))


def find_sources(arguments: argparse.Namespace) -> tuple[Path, Path | None]:
    """The folder of the language, and that of CoVoST's tables where the user has them."""
    folders = read_db() if Path("db.sh").is_file() else {}
    source, covost = (given or folders.get(name, "") for given, name in
                      ((arguments.commonvoice, "COMMONVOICE"), (arguments.covost, "COVOST")))
    if not source:
        raise InputError("db.sh: COMMONVOICE is empty. Name your Common Voice release; README.md says how to get one.")
    root = unpacked(Path(source).absolute(), DOWNLOADS.absolute())
    tables = unpacked(Path(covost).absolute(), DOWNLOADS.absolute()) if covost else None
    return find_language(root, arguments.lang), tables


def present(
    clips: dict[str, Clip], bytes_of: dict[str, int], folder: Path, problems: list[str]
) -> dict[str, Clip]:
    """The clips whose audio is there; the others are problems."""
    for name in clips:
        if not bytes_of.get(name):
            found = "0 bytes" if name in bytes_of else "no such clip"
            problems.append(f"{folder / name}: {found}. Extract the release again.")
    return {name: clip for name, clip in clips.items() if bytes_of.get(name)}


def list_unlisted(bytes_of: dict[str, int], folder: Path, language: str, clips: dict[str, Clip]) -> str:
    """Audio in no table has no known speaker, so it may not serve as unlabelled speech: a list, and one line on it."""
    invalidated = folder / "invalidated.tsv"
    known = clips | read_clips(invalidated, language, []) if invalidated.is_file() else clips
    unlisted = sorted(bytes_of.keys() - known.keys())
    path = Path("data/clips_in_no_table.txt")
    write_atomic(path, "".join(name + "\n" for name in unlisted))
    return f"{len(unlisted)} files in clips/ stand in no table and are not used: {path}" if unlisted else ""


def describe(clips: dict[str, Clip], validated: set[str], splits: Splits, folder: Path) -> Corpus:
    """All clips, those with a transcript that counts, and their sets."""
    texted = [name for name in clips if name in (splits.of_clip or validated) and name in validated]
    ids = {name: clip.utterance(name) for name, clip in clips.items()}
    return Corpus(
        wavs={ids[name]: f"{folder}/{name}" for name in clips},
        utt2spk={ids[name]: clip.speaker for name, clip in clips.items()},
        text={ids[name]: clips[name].sentence for name in texted},
        split={ids[name]: SPLIT_NAMES[splits.of_clip[name]] for name in texted if splits.of_clip},
    )


def write_labels(train: Path, language: str, hours: float, splits: Splits) -> str:
    """The list of labelled utterances: Common Voice's own train clips first, by SHA-256 of their names, to N hours."""
    wavs = read_dir(train).wavs

    def place(utterance: str) -> tuple[bool, str]:
        name = os.path.basename(wavs[utterance])
        return splits.of_clip.get(name) == "train_covost", hashlib.sha256(name.encode()).hexdigest()

    total, chosen = 0.0, []
    for utterance in sorted(wavs, key=place):
        if total >= hours * 3600:
            break
        seconds = mp3_length(wavs[utterance]).seconds
        total += seconds
        chosen.append(f"{utterance} {seconds:.3f}\n")
    path = train / f"{language}_{hours:g}h.txt"
    write_atomic(path, "".join(chosen))
    return f"{path}: {len(chosen)} of {len(wavs)} utterances, {total / 3600:.2f} h" + (
        f" (all there is, less than {hours:g} h)" if total < hours * 3600 else "")


if __name__ == "__main__":
    run(options(), main)
