"""Check a Kaldi data directory: every problem with its file and line; with `--fs` the audio too."""

import argparse
from pathlib import Path

from espnet_bljust.command import run, sampling_rate, true_false
from espnet_bljust.data.kaldi.check import check_dir


def main(options: argparse.Namespace) -> None:
    """Check; say how much there is."""
    found = check_dir(options.data_dir, require_text=options.require_text, rate=options.fs, pipes=options.allow_pipes)
    print(f"{options.data_dir}: {found.utterances} utterances of {found.speakers} speakers, no problem found")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path, help="Kaldi data directory")
    parser.add_argument("--require_text", type=true_false, default=False, help="text must be there (default: false)")
    parser.add_argument("--fs", type=sampling_rate, help="read all audio: it must be whole, mono and of this rate, Hz")
    parser.add_argument("--allow_pipes", type=true_false, default=False,
                        help="wav.scp may hold commands, which later stages run (default: false)")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
