"""Stage 12 with a language model: search settings chosen on the dev set, for the sets that are decoded then.

The configuration names values to try under `tune`; what the call gives stays. Writes into --out_dir search.yaml, a
configuration for bin/decode, and tuning.md, the table of all trials. Of a dev set of more than --tune_minutes every
n-th utterance is taken. Takes decode's options besides, and needs no ESPnet.
"""

import argparse
from pathlib import Path

from espnet_bljust.bin import decode
from espnet_bljust.command import run
from espnet_bljust.decoding.search_settings import given, read_grid, read_settings
from espnet_bljust.errors import InputError


def main(options: argparse.Namespace) -> None:
    """Choose, write, say what was chosen."""
    from espnet_bljust.decoding.chosen_settings import Dev, choose
    from espnet_bljust.decoding.recogniser import Recogniser

    path, own = options.inference_config, given(vars(options))
    settings, grid = read_settings(path, own, options.ngram), read_grid(path, own)
    if not options.ngram:
        raise InputError("tune_search: no language model to tune. Give --ngram.")
    device = "cuda" if options.ngpu else "cpu"
    recogniser = Recogniser.from_experiment(options.exp_dir, options.exp_dir / options.model, device)
    dev = Dev(options.data_dir, options.tune_minutes, options.nlsyms_txt)
    chosen, heard = choose(recogniser, options.ngram, settings, grid, dev, options.out_dir)
    values = ", ".join(f"{name} {getattr(chosen, name):g}" for name in grid)
    print(f"{options.out_dir}/search.yaml: {values or 'as configured'} ({heard})")


def get_parser() -> argparse.ArgumentParser:
    parser = decode.get_parser()
    parser.description = __doc__
    parser.add_argument("--tune_minutes", type=float, default=30.0, help="audio of the dev set that is used, at most")
    parser.add_argument("--nlsyms_txt", type=Path, default="none", help="file of words that are no speech")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
