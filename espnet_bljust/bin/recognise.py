"""Audio files to text: `python -m espnet_bljust.bin.recognise --model exp/<tag> talk.wav`.

Any rate, number of channels and length; any format that libsndfile reads, and where ffmpeg is installed what that
reads. Text goes to standard output or, with --out_dir, to one file a recording; progress and errors go to standard
error. A recording that cannot be read is named, the others go on, and the exit status is 1.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from espnet_bljust.command import run
from espnet_bljust.data.audio.recording import RATE, open_recording
from espnet_bljust.decoding.search_settings import add_arguments, read_settings
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress

SUFFIX = {"text": ".txt", "json": ".json", "srt": ".srt"}


class Transcript(NamedTuple):
    """One recording recognised."""

    audio: str
    seconds: float
    text: str
    words: list


def main(options: argparse.Namespace) -> None:
    """Recognise each file; status 1 where one could not be read."""
    check_outputs(options)
    settings = read_settings(options)
    from espnet_bljust.decoding.load_model import load_model

    recogniser = load_model(options.model, options.weights, "cuda" if options.ngpu else "cpu")
    if recogniser.network.head_name != "ctc":
        raise InputError(f"{options.model}: says one class an utterance, and no words. Classify a data set: stage 12.")
    recogniser.search_by(settings, options.ngram)
    failed = 0
    for number, path in enumerate(options.audio, 1):
        try:
            name = path if len(options.audio) == 1 else f"{path} ({number}/{len(options.audio)})"
            with open_recording(path) as blocks:
                if blocks.short_seconds:
                    lacks = f"{1000 * blocks.short_seconds:.0f} ms before its header says"
                    print(f"{path}: ends {lacks}; what is there is recognised", file=sys.stderr)
                minutes = progress(blocks, name, unit="min")
                deliver(transcribe(path, minutes, recogniser, options.window_seconds), options)
        except InputError as error:
            if options.debug:
                raise
            print(f"error: {error}", file=sys.stderr)
            failed += 1
    if failed:
        print(f"{failed} of {len(options.audio)} recordings failed", file=sys.stderr)
        sys.exit(1)


def check_outputs(options: argparse.Namespace) -> None:
    """Before the costly work: what would overwrite or mix."""
    if options.window_seconds < 2:
        raise InputError(f"--window_seconds {options.window_seconds:g}: too short to hear words in. Give 2 or more.")
    if options.format == "srt" and len(options.audio) > 1 and not options.out_dir:
        raise InputError("--format srt: the subtitles of several recordings would follow each other. Add --out_dir.")
    name, count = Counter(Path(path).stem for path in options.audio).most_common(1)[0]
    if options.out_dir and count > 1:
        raise InputError(f"--out_dir: {count} recordings are called {name}. Give each call one of them.")


def transcribe(path: str, blocks: Iterable[np.ndarray], recogniser: "Recogniser",  # noqa: F821
               window_seconds: float) -> Transcript:
    """blocks: (sample,) float32 at 16 kHz each. Of the audio no more is held than a block and a window."""
    from espnet_bljust.decoding import windows

    heard = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal heard
        for block in blocks:
            heard += len(block)
            yield block

    parts = windows.windows(counted(), window_seconds, recogniser.frames)
    texts, words = [], []
    for first, frames in windows.stretches(windows.frames_of(parts, recogniser.log_probabilities)):
        hypothesis = recogniser.nbest(frames)[0]
        shift = first * recogniser.frames.hop / RATE
        texts.append(hypothesis.text)
        words += [word._replace(start_seconds=word.start_seconds + shift, end_seconds=word.end_seconds + shift)
                  for word in recogniser.words(frames, hypothesis)]
    return Transcript(path, heard / RATE, " ".join(filter(None, texts)), words)


def deliver(transcript: Transcript, options: argparse.Namespace) -> None:
    """To the file of its own, or to standard output; there, several texts are told apart by name."""
    text = formatted(transcript, options.format)
    if options.out_dir:
        options.out_dir.mkdir(parents=True, exist_ok=True)
        write_atomic(options.out_dir / (Path(transcript.audio).stem + SUFFIX[options.format]), text)
    else:
        several = options.format == "text" and len(options.audio) > 1
        print(f"{transcript.audio}\t{text}" if several else text, end="", flush=True)


def formatted(transcript: Transcript, form: str) -> str:
    """The content of the output file."""
    if form == "text":
        return transcript.text + "\n"
    if form == "srt":
        from espnet_bljust.decoding.word_times import srt

        return srt(transcript.words)
    words = [{"word": word.word, "start": round(word.start_seconds, 3), "end": round(word.end_seconds, 3),
              "confidence": round(word.confidence, 4)} for word in transcript.words]
    content = {"audio": transcript.audio, "seconds": round(transcript.seconds, 3), "text": transcript.text,
               "words": words}
    return json.dumps(content, ensure_ascii=False) + "\n"


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="recognise", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", nargs="+", help="recordings")
    parser.add_argument("--model", required=True, help="exp/<tag>, a pack (.zip), or a name on a hub")
    parser.add_argument("--weights", default="average.pth", help="file of weights, where --model is exp/<tag>")
    parser.add_argument("--format", choices=tuple(SUFFIX), default="text", help="json and srt have word times")
    parser.add_argument("--out_dir", type=Path, help="write <name>.txt, .json or .srt here")
    parser.add_argument("--window_seconds", type=float, default=20.0, help="audio that the network sees at once")
    parser.add_argument("--ngpu", type=int, default=0)
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
