"""Stage 12 with a language model: search settings chosen on the dev set, for the sets that are decoded then.

The configuration names values to try under `tune`; what the call gives stays. Writes into --out_dir search.yaml, a
configuration for bin/decode, and tuning.md, the table of all trials. Of a dev set of more than --tune_minutes every
n-th utterance is taken. Takes decode's options besides, and needs no ESPnet.
"""

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path

from espnet_bljust.bin import decode
from espnet_bljust.command import run
from espnet_bljust.decoding.search_settings import read_grid, read_settings
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError


def main(options: argparse.Namespace) -> None:
    from espnet_bljust.decoding.language_model import read_language_model
    from espnet_bljust.decoding.recogniser import Recogniser
    from espnet_bljust.decoding.tuning import DevSet, trial_table, tune

    settings, grid = read_settings(options), read_grid(options)
    if not options.ngram:
        raise InputError("tune_search: no language model to tune. Give --ngram.")
    recogniser = Recogniser.from_experiment(options.exp_dir, options.exp_dir / options.model,
                                            "cuda" if options.ngpu else "cpu")
    model = read_language_model(options.ngram, recogniser.token_list, settings.ngram_unit)
    unit = "word" if model.lexicon else "token"
    first, heard, started = replace(settings, nbest=1, ngram_unit=unit), "nothing to tune", time.perf_counter()
    chosen, trials = first, {}
    if grid:
        dev = DevSet.heard(recogniser, model, options.data_dir, options.tune_minutes, options.nlsyms_txt)
        chosen, trials = tune(first, grid, dev.errors, unit)
        heard = f"{dev}, {len(trials)} searches in {time.perf_counter() - started:.0f} s"
    options.out_dir.mkdir(parents=True, exist_ok=True)
    counted = "words" if unit == "word" else "characters"
    write_atomic(options.out_dir / "tuning.md",
                 f"# Search settings chosen on {options.data_dir}\n\n{options.ngram} counts {unit}s; errors of "
                 f"{counted} decide.\n{heard}.\n\n{trial_table(trials, chosen, list(grid))}")
    lines = [f"{name}: {value}\n" for name, value in asdict(replace(chosen, nbest=settings.nbest)).items()]
    write_atomic(options.out_dir / "search.yaml",
                 f"# Chosen on {options.data_dir}; tuning.md beside it has the table.\n{''.join(lines)}")
    values = ", ".join(f"{name} {getattr(chosen, name):g}" for name in grid)
    print(f"{options.out_dir}/search.yaml: {values or 'as configured'} ({heard})")


def get_parser() -> argparse.ArgumentParser:
    parser = decode.get_parser()
    parser.prog, parser.description = "tune_search", __doc__
    parser.add_argument("--tune_minutes", type=float, default=30.0, help="audio of the dev set that is used, at most")
    parser.add_argument("--nlsyms_txt", type=Path, default="none", help="file of words that are no speech")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
