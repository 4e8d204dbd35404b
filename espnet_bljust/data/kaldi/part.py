"""One job's part of a data directory: a run of neighbouring utterances; the lines of others are passed over."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from espnet_bljust.data.kaldi.directory import KaldiDir, read_dir
from espnet_bljust.data.kaldi.segments import Segment, parse_segment
from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.data.kaldi.walk import walk_dir
from espnet_bljust.errors import InputError

BLOCK = 20_000  # utterances in memory at a time: about 20 MB


def count_checked(path: Path) -> int:
    """Utterances of a directory; InputError lists everything that is wrong in it.

    Transcripts may be empty: stage 4 removes and lists those.
    """
    walked = walk_dir(path, require_text=False, allow_empty_text=True)
    if walked is not None:
        return walked.utterances
    return len(read_dir(path, allow_empty_text=True).utterances)


def read_part(path: Path, part: tuple[int, int], utterances: int) -> Iterator[KaldiDir]:
    """Part ``(job, num_jobs)``, job from 1, of a directory of ``utterances`` that `count_checked` has passed.

    It comes in blocks of BLOCK utterances, so that memory does not grow with it.
    """
    job, num_jobs = part
    if not 1 <= job <= num_jobs:
        raise InputError(f"--job {job}: not between 1 and --num_jobs {num_jobs}.")
    owner = "segments" if (path / "segments").exists() else "wav.scp"
    names = [owner, "utt2spk", *(name for name in ("text", "utt2speed") if (path / name).exists())]
    begin, end = (job - 1) * utterances // num_jobs, job * utterances // num_jobs
    with ExitStack() as stack:
        files = {name: islice(stack.enter_context(open(path / name, "rb")), begin, end) for name in names}
        for first in range(begin, end, BLOCK):
            tables = {name: dict(map(_fields, islice(file, BLOCK))) for name, file in files.items()}
            yield _block(path, tables, first, segmented=owner == "segments")


def _block(path: Path, tables: dict[str, dict[str, str]], first: int, *, segmented: bool) -> KaldiDir:
    """``first``: lines before it in the tables."""
    wavs = tables["segments" if segmented else "wav.scp"]
    lines = {utterance: number for number, utterance in enumerate(wavs, first + 1)}
    segments = None
    if segmented:
        segments = {key: _segment(value) for key, value in wavs.items()}
        recordings = {segment.recording for segment in segments.values()}
        wavs = {key: value for _, key, value in walk_table(path / "wav.scp", []) if key in recordings}
    return KaldiDir(wavs, tables["utt2spk"], tables.get("text"), segments, tables.get("utt2speed"), lines)


def _fields(line: bytes) -> tuple[str, str]:
    key, *value = line.decode().split(maxsplit=1)
    return key, "".join(value).rstrip()


def _segment(value: str) -> Segment:
    segment = parse_segment(value)
    assert isinstance(segment, Segment)
    return segment
