"""The data report as files: numbers (report.json), words (report.md), pictures, and a list of offenders."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet_bljust.data.preparation.formatted_set import FormattedSet
from espnet_bljust.data.preparation.report import SetReport, markdown, read_reports, report
from espnet_bljust.data.preparation.report_figure import save_characters, save_lengths
from espnet_bljust.data.text.tokens import Tokenizer
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.sorting import open_lines


class Told(NamedTuple):
    """What the report is of."""

    sets: int
    hours: float
    offenders: int  # clipped, silent or duplicate utterances
    text_outliers: int


def write_report(sets: Sequence[FormattedSet], tokenizer: Tokenizer, rate: int, out_dir: Path) -> Told:
    """Read the sets, the training set first, whose audio has ``rate`` Hz, and fill ``out_dir``."""
    reports = read_reports(sets, tokenizer, rate)
    numbers = report(reports, tokenizer, rate)
    out_dir.mkdir(parents=True, exist_ok=True)
    offenders = write_offenders(out_dir / "offenders.txt", reports)
    seconds = {one.data.name: one.seconds for one in reports}
    pictures = save_pictures(out_dir, seconds, numbers["sets"][reports[0].data.name].get("characters"))
    write_atomic(out_dir / "report.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
    write_atomic(out_dir / "report.md", markdown(numbers, pictures))
    outliers = write_text_outliers(out_dir / "text_outliers.txt", reports)
    return Told(len(reports), sum(row["hours"] for row in numbers["sets"].values()), offenders, outliers)


def write_offenders(path: Path, sets: list[SetReport]) -> int:
    """``set fault utterance`` a line; how many."""
    count = 0
    with open_lines(path, "w") as file:
        for one in sets:
            for fault, utterance in one.offenders():
                count += 1
                file.write(f"{one.data.name} {fault} {utterance}\n")
    return count


def write_text_outliers(path: Path, sets: list[SetReport]) -> int:
    """Set, utterance, characters a second, robust z and transcript a line, the farthest of each set first; how many."""
    count = 0
    with open_lines(path, "w") as file:
        file.write("# set\tutterance\tcharacters a second\trobust z\ttranscript\n")
        for one in sets:
            for outlier, name, text in sorted(one.text_outliers(), key=lambda found: -abs(found[0].z)):
                count += 1
                file.write(f"{one.data.name}\t{name}\t{outlier.rate:.2f}\t{outlier.z:+.1f}\t{text}\n")
    return count


def save_pictures(out_dir: Path, seconds: dict[str, np.ndarray], characters: dict[str, int] | None) -> list[str]:
    """The names of the pictures made."""
    save_lengths(out_dir / "lengths.png", seconds)
    if not characters:
        return ["lengths.png"]
    save_characters(out_dir / "characters.png", characters)
    return ["lengths.png", "characters.png"]
