"""Stage 1 of the recipe `covost2`: one language of Common Voice, split as CoVoST 2 has it, as data/<set>_<lang>."""

import argparse
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from common_voice import (
    COMMON_VOICE,
    COVOST,
    FILE,
    INVALIDATED,
    OTHER,
    ROW,
    SPLIT,
    SPLIT_NAMES,
    Release,
    evidence,
    find_language,
    origin_of_splits,
    read_splits,
    unpacked,
)

from espnet_bljust.command import run, true_false
from espnet_bljust.data.audio.mp3 import mp3_length
from espnet_bljust.data.corpus.assemble import ROLES, write_sets
from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.gather import Spelling, gather
from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.text.language_code import base_language
from espnet_bljust.data.text.normalise import POLICIES
from espnet_bljust.data.text.scripts import named_scripts
from espnet_bljust.disk.files import fresh_dir, write_atomic
from espnet_bljust.disk.problems import list_offenders
from espnet_bljust.disk.sorting import BETWEEN, grouped, open_lines, record, sorted_lines
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
    parser.add_argument("--scripts", default="", help="scripts of the language, e.g. 'Latin Greek', if not as usual")
    parser.add_argument("--skip_problems", type=true_false, default=False, help="go on without bad clips")
    return parser


def main(arguments: argparse.Namespace) -> None:
    language, problems = arguments.lang, []
    lists = Path("data") / language
    release = find_sources(arguments)
    origin = origin_of_splits(release)
    spool = fresh_dir(lists / "spool.tmp")
    unlisted = Unlisted(lists / "clips_in_no_table.txt")
    spelling = Spelling(language, arguments.text_policy, arguments.digits,
                        frozenset(named_scripts(arguments.scripts.split())))
    found = utterances(release, origin, unlisted, spool, problems)
    corpus = gather(found, spelling, lists / "corpus.tmp", problems)
    skip = arguments.skip_problems
    skipped = list_offenders(problems, lists / "problems.txt", where=str(release.folder), skip=skip)
    names = {role: f"{role}_{language}" for role in ROLES}
    lines = write_sets(corpus, spelling, names, lists=lists)
    hours = arguments.label_hours or LABEL_HOURS.get(base_language(language))
    listed = write_labels(Path("data") / names["train"], release, hours, spool) if hours else ""
    spool.rmdir()
    print("\n".join(filter(None, [skipped, unlisted.said(), f"split by {origin}", listed, *lines])))


def find_sources(arguments: argparse.Namespace) -> Release:
    """The folder of the language, and that of CoVoST's tables where the user has them."""
    folders = read_db() if Path("db.sh").is_file() else {}
    source, covost = (given or folders.get(name, "") for given, name in
                      ((arguments.commonvoice, "COMMONVOICE"), (arguments.covost, "COVOST")))
    if not source:
        raise InputError("db.sh: COMMONVOICE is empty. Name your Common Voice release; README.md says how to get one.")
    root = unpacked(Path(source).absolute(), DOWNLOADS.absolute())
    tables = unpacked(Path(covost).absolute(), DOWNLOADS.absolute()) if covost else None
    return Release(find_language(root, arguments.lang), tables, arguments.lang)


@dataclass
class Unlisted:
    """Audio in no table has no known speaker, so it may not serve as unlabelled speech: a list, and one line on it."""

    path: Path
    count: int = 0

    def said(self) -> str:
        there = f"{self.count} files in clips/ stand in no table and are not used: {self.path}"
        return there if self.count else ""


def utterances(
    release: Release, origin: str, unlisted: Unlisted, spool: Path, problems: list[str]
) -> Iterator[Utterance]:  # fmt: skip
    """The clips that are there, a clip in memory at a time; what is wrong with others goes to ``problems``."""
    has_splits = origin in (COVOST, COMMON_VOICE)
    with open_lines(unlisted.path, "w") as file:
        for name, said in grouped(evidence(release, problems), spool):
            size = next((int(fields[0]) for kind, *fields in said if kind == FILE), None)
            splits = sorted({fields[0] for kind, *fields in said if kind == SPLIT})
            split = splits[0] if splits else ""
            rows = sorted((fields for kind, *fields in said if kind == ROW), key=lambda row: int(row[-1]))
            problems += wrong(release, name, size, rows)
            if not rows:
                unlisted.count += size is not None
                file.write(f"{name}\n" if size is not None else "")
            if len(splits) > 1:
                problems.append(f"{name}: in {' and '.join(splits)} of {origin}. Leave it in one of them.")
            validated = bool(rows) and int(rows[0][-1]) < OTHER
            if split and not validated:
                problems.append(f"{name}: in a split of {origin}, but not in validated.tsv. Is it another release?")
            if size and rows and int(rows[0][-1]) != INVALIDATED:
                where, speaker, sentence, _ = rows[0]
                text = sentence if validated and (split or not has_splits) else None
                yield Utterance(f"{speaker}-{name.removesuffix('.mp3')}", speaker, f"{release.clips}/{name}", text,
                                SPLIT_NAMES.get(split, ""), where=where)  # fmt: skip


def wrong(release: Release, name: str, size: int | None, rows: list[list[str]]) -> list[str]:
    """What speaks against a clip: a table that has it twice, a missing or an empty file."""
    problems = [f"{second[0]}: {name} stands there already. Drop the line."
                for first, second in pairwise(rows) if first[-1] == second[-1]]  # fmt: skip
    if rows and int(rows[0][-1]) != INVALIDATED and not size:
        found = "no such clip" if size is None else "0 bytes"
        problems.append(f"{release.clips / name}: {found}. Extract the release again.")
    return problems


def write_labels(train: Path, release: Release, hours: float, spool: Path) -> str:
    """The list of labelled utterances: Common Voice's own train clips first, by SHA-256 of their names, to N hours."""
    total, chosen, count = 0.0, [], 0
    for place in sorted_lines(label_order(train, release, spool), spool):
        count += 1
        if total < hours * 3600:
            *_, utterance, path = place.split(BETWEEN)
            seconds = mp3_length(path).seconds
            total += seconds
            chosen.append(f"{utterance} {seconds:.3f}\n")
    path = train / f"{release.language}_{hours:g}h.txt"
    write_atomic(path, "".join(chosen))
    return f"{path}: {len(chosen)} of {count} utterances, {total / 3600:.2f} h" + (
        f" (all there is, less than {hours:g} h)" if total < hours * 3600 else "")


def label_order(train: Path, release: Release, spool: Path) -> Iterator[str]:
    """Records that sort as the list of labels goes, with the utterance and its file."""

    def both() -> Iterator[str]:
        for name, split in read_splits(release, []):
            yield record(name, SPLIT, split)
        for _, utterance, path in walk_table(train / "wav.scp", []):
            yield record(os.path.basename(path), FILE, utterance, path)

    for name, said in grouped(both(), spool):
        added = [SPLIT, "train_covost"] in said
        for kind, *fields in said:
            if kind == FILE:
                yield record("01"[added], hashlib.sha256(name.encode()).hexdigest(), *fields)


if __name__ == "__main__":
    run(options(), main)
