"""Check a Kaldi data directory: every problem with its file and line; with `--fs` the audio too."""

import argparse
from pathlib import Path

from espnet_bljust.command import run, sampling_rate, true_false
from espnet_bljust.data.kaldi.audio_check import check_audio
from espnet_bljust.data.kaldi.directory import scan_dir
from espnet_bljust.data.kaldi.walk import Walked, walk_dir
from espnet_bljust.disk.problems import raise_problems


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="check_data", description=__doc__)
    parser.add_argument("data_dir", type=Path, help="Kaldi data directory")
    parser.add_argument("--require_text", type=true_false, default=False, help="text must be there (default: false)")
    parser.add_argument("--fs", type=sampling_rate, help="read all audio: it must be whole, mono and of this rate, Hz")
    parser.add_argument("--allow_pipes", type=true_false, default=False,
                        help="wav.scp may hold commands, which later stages run (default: false)")
    return parser


def main(options: argparse.Namespace) -> None:
    walked, problems = walk_dir(options.data_dir, require_text=options.require_text), []
    if walked is None:
        directory, problems = scan_dir(options.data_dir, require_text=options.require_text)
        walked = Walked(len(directory.utterances), len(set(directory.utt2spk.values())))
    if not problems:
        problems = check_audio(options.data_dir, rate=options.fs, pipes=options.allow_pipes)
    raise_problems(problems, options.data_dir / "problems.txt")
    (options.data_dir / "problems.txt").unlink(missing_ok=True)
    print(f"{options.data_dir}: {walked.utterances} utterances of {walked.speakers} speakers, no problem found")


if __name__ == "__main__":
    run(get_parser(), main)
