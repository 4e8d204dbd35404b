"""Recordings to files of text, JSON or subtitles; what cannot be read is named, and the others go on."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from espnet_bljust.data.audio.recording import open_recording
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress

if TYPE_CHECKING:
    from espnet_bljust.decoding.recogniser import Recogniser
    from espnet_bljust.decoding.recognition import Recognition

SUFFIX = {"text": ".txt", "json": ".json", "srt": ".srt"}
SHORTEST_WINDOW = 2.0  # seconds


class Output(NamedTuple):
    """Where texts go: a file of its own for each recording in ``out_dir``, else all to standard output."""

    form: str  # one of SUFFIX
    out_dir: Path | None = None


def check_outputs(recordings: Sequence[str], output: Output, window_seconds: float) -> None:
    """Before the costly work: what would overwrite or mix."""
    require_window(window_seconds)
    if output.form == "srt" and len(recordings) > 1 and not output.out_dir:
        raise InputError("--format srt: the subtitles of several recordings would follow each other. Add --out_dir.")
    name, count = Counter(Path(path).stem for path in recordings).most_common(1)[0]
    if output.out_dir and count > 1:
        raise InputError(f"--out_dir: {count} recordings are called {name}. Give each call one of them.")


def require_window(seconds: float) -> None:
    """InputError where it is too short."""
    if seconds < SHORTEST_WINDOW:
        raise InputError(f"--window_seconds {seconds:g}: too short to hear words in. Give 2 or more.")


def recognise_files(
    recogniser: "Recogniser", recordings: Sequence[str], output: Output, *, window_seconds: float, debug: bool = False
) -> int:
    """How many could not be read; with ``debug`` the first of these ends it."""
    failed = 0
    for number, path in enumerate(recordings, 1):
        try:
            name = path if len(recordings) == 1 else f"{path} ({number}/{len(recordings)})"
            with open_recording(path) as blocks:
                if blocks.short_seconds:
                    lacks = f"{1000 * blocks.short_seconds:.0f} ms before its header says"
                    print(f"{path}: ends {lacks}; what is there is recognised", file=sys.stderr)
                recognition = recogniser.recognise_blocks(progress(blocks, name, unit="min"), window_seconds)
            deliver(recognition, path, output, several=len(recordings) > 1)
        except InputError as error:
            if debug:
                raise
            print(f"error: {error}", file=sys.stderr)
            failed += 1
    return failed


def deliver(recognition: "Recognition", audio: str, output: Output, *, several: bool) -> None:
    """To the file of its own, or to standard output; there, ``several`` texts are told apart by name."""
    text = formatted(recognition, audio, output.form)
    if output.out_dir:
        output.out_dir.mkdir(parents=True, exist_ok=True)
        write_atomic(output.out_dir / (Path(audio).stem + SUFFIX[output.form]), text)
    else:
        print(f"{audio}\t{text}" if several and output.form == "text" else text, end="", flush=True)


def formatted(recognition: "Recognition", audio: str, form: str) -> str:
    """The content of the output file."""
    if form == "text":
        return recognition.text + "\n"
    if form == "srt":
        from espnet_bljust.decoding.word_times import srt  # brings torch

        return srt(recognition.words)
    words = [{"word": word.word, "start": round(word.start_seconds, 3), "end": round(word.end_seconds, 3),
              "confidence": round(word.confidence, 4)} for word in recognition.words]
    content = {"audio": audio, "seconds": round(recognition.seconds, 3), "text": recognition.text, "words": words}
    return json.dumps(content, ensure_ascii=False) + "\n"
