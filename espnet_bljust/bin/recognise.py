"""Audio files to text: `python -m espnet_bljust.bin.recognise --model exp/<tag> talk.wav`.

Any rate, number of channels and length; any format that libsndfile reads, and where ffmpeg is installed what that
reads. Text goes to standard output or, with --out_dir, to one file a recording; progress and errors go to standard
error. A recording that cannot be read is named, the others go on, and the exit status is 1.
"""

import argparse
import sys
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.decoding.search_settings import add_arguments, given, read_settings
from espnet_bljust.decoding.transcripts import SUFFIX, Output, check_outputs, recognise_files


def main(options: argparse.Namespace) -> None:
    """Recognise each file; status 1 where one could not be read."""
    output = Output(options.format, options.out_dir)
    check_outputs(options.audio, output, options.window_seconds)
    settings = read_settings(options.inference_config, given(vars(options)), options.ngram)
    from espnet_bljust.decoding.recogniser import Recogniser  # brings torch: after what fails at once

    device = "cuda" if options.ngpu else "cpu"
    recogniser = Recogniser.from_pretrained(options.model, weights=options.weights, device=device)
    recogniser.require_words(options.model)
    recogniser.search_by(settings, options.ngram)
    failed = recognise_files(recogniser, options.audio, output, window_seconds=options.window_seconds,
                             debug=options.debug)
    if failed:
        print(f"{failed} of {len(options.audio)} recordings failed", file=sys.stderr)
        sys.exit(1)


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", nargs="+", help="recordings")
    parser.add_argument("--model", required=True,
                        help="exp/<tag>, a pack (.zip), a Hugging Face folder, or a name on a hub")
    parser.add_argument("--weights", default="average.pth", help="file of weights, where --model is exp/<tag>")
    parser.add_argument("--format", choices=tuple(SUFFIX), default="text", help="json and srt have word times")
    parser.add_argument("--out_dir", type=Path, help="write <name>.txt, .json or .srt here")
    parser.add_argument("--window_seconds", type=float, default=20.0, help="audio that the network sees at once")
    parser.add_argument("--ngpu", type=int, default=0)
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
