"""Stage 6: the data report, in numbers (report.json), words (report.md) and pictures."""

import argparse
from pathlib import Path

from espnet_bljust.command import names, run, sampling_rate
from espnet_bljust.data.preparation.formatted_set import open_formatted
from espnet_bljust.data.preparation.report_files import write_report
from espnet_bljust.data.text.tokens import TOKEN_TYPES, load_tokenizer
from espnet_bljust.errors import InputError
from espnet_bljust.units import SAMPLE_RATE


def main(options: argparse.Namespace) -> None:
    """Write the report, say what it is of."""
    if not options.sets:
        raise InputError("--sets: no set named. Give the training set first.")
    model = options.bpe_model or options.token_list.with_name("bpe.model")
    tokenizer = load_tokenizer(options.token_type, options.token_list, model, options.nlsyms_txt)
    sets = [open_formatted(options.dump_dir / name) for name in dict.fromkeys(options.sets)]
    told = write_report(sets, tokenizer, options.fs, options.out_dir)
    print(f"{options.out_dir / 'report.md'}: {told.sets} sets, {told.hours:.2f} h, {told.offenders} clipped, silent or "
          f"duplicate utterances listed, {told.text_outliers} with too many or too few characters a second "
          f"({options.out_dir / 'text_outliers.txt'})")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump_dir", type=Path, default=Path("dump/raw"))
    parser.add_argument("--sets", type=names, required=True, help="names with spaces between, the training set first")
    parser.add_argument("--token_list", type=Path, required=True, help="tokens.txt of stage 5")
    parser.add_argument("--token_type", choices=TOKEN_TYPES, required=True)
    parser.add_argument("--bpe_model", help="default: bpe.model beside the token list")
    parser.add_argument("--nlsyms_txt", default="none")
    parser.add_argument("--fs", type=sampling_rate, default=SAMPLE_RATE, help="Hz (default: %(default)s)")
    parser.add_argument("--out_dir", type=Path, default=Path("data/report"))
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
