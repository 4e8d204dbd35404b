"""Stage 6: the data report, in numbers (report.json), words (report.md) and pictures."""

import argparse
import json
from pathlib import Path

import numpy as np

from espnet_bljust.command import names, run, sampling_rate
from espnet_bljust.data.preparation.formatted_set import open_formatted
from espnet_bljust.data.preparation.report import SetReport, markdown, read_reports, report
from espnet_bljust.data.text.tokens import TOKEN_TYPES, load_tokenizer
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.sorting import open_lines
from espnet_bljust.errors import InputError


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="data_report", description=__doc__)
    parser.add_argument("--dump_dir", type=Path, default=Path("dump/raw"))
    parser.add_argument("--sets", type=names, required=True, help="names with spaces between, the training set first")
    parser.add_argument("--token_list", type=Path, required=True, help="tokens.txt of stage 5")
    parser.add_argument("--token_type", choices=TOKEN_TYPES, required=True)
    parser.add_argument("--bpe_model", help="default: bpe.model beside the token list")
    parser.add_argument("--nlsyms_txt", default="none")
    parser.add_argument("--fs", type=sampling_rate, default=16000, help="Hz (default: 16000)")
    parser.add_argument("--out_dir", type=Path, default=Path("data/report"))
    return parser


def main(options: argparse.Namespace) -> None:
    if not options.sets:
        raise InputError("--sets: no set named. Give the training set first.")
    model = options.bpe_model or options.token_list.with_name("bpe.model")
    tokenizer = load_tokenizer(options.token_type, options.token_list, model, options.nlsyms_txt)
    names = dict.fromkeys(options.sets)
    sets = read_reports([open_formatted(options.dump_dir / name) for name in names], tokenizer, options.fs)
    numbers = report(sets, tokenizer, options.fs)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    faults = write_offenders(options.out_dir / "offenders.txt", sets)
    seconds = {one.data.name: one.seconds for one in sets}
    pictures = save_pictures(options.out_dir, seconds, numbers["sets"][sets[0].data.name].get("characters"))
    write_atomic(options.out_dir / "report.json", json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
    write_atomic(options.out_dir / "report.md", markdown(numbers, pictures))
    hours = sum(row["hours"] for row in numbers["sets"].values())
    path = options.out_dir / "report.md"
    print(f"{path}: {len(sets)} sets, {hours:.2f} h, {faults} clipped, silent or duplicate utterances listed")


def write_offenders(path: Path, sets: list[SetReport]) -> int:
    """``set fault utterance`` a line; how many."""
    count = 0
    with open_lines(path, "w") as file:
        for one in sets:
            for fault, utterance in one.offenders():
                count += 1
                file.write(f"{one.data.name} {fault} {utterance}\n")
    return count


def save_pictures(out_dir: Path, seconds: dict[str, np.ndarray], characters: dict[str, int] | None) -> list[str]:
    """The names of the pictures made; matplotlib is imported here and not before."""
    from espnet_bljust.scoring.report_figure import save_characters, save_lengths

    save_lengths(out_dir / "lengths.png", seconds)
    if not characters:
        return ["lengths.png"]
    save_characters(out_dir / "characters.png", characters)
    return ["lengths.png", "characters.png"]


if __name__ == "__main__":
    run(get_parser(), main)
