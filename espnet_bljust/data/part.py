"""One job's part of a data directory: a run of neighbouring utterances; the lines of others are passed over."""

from itertools import islice
from pathlib import Path

from espnet_bljust.data.kaldi_dir import KaldiDir, read_dir
from espnet_bljust.data.segments import Segment, parse_segment
from espnet_bljust.data.tables import walk_table
from espnet_bljust.data.walk import walk_dir
from espnet_bljust.errors import InputError


def count_checked(path: Path) -> int:
    """Utterances of a directory; InputError lists everything that is wrong in it.

    Transcripts may be empty: stage 4 removes and lists those.
    """
    walked = walk_dir(path, require_text=False, allow_empty_text=True)
    if walked is not None:
        return walked.utterances
    return len(read_dir(path, allow_empty_text=True).utterances)


def read_part(path: Path, part: tuple[int, int], utterances: int) -> KaldiDir:
    """Part ``(job, num_jobs)``, job from 1, of a directory of ``utterances`` that `count_checked` has passed."""
    job, num_jobs = part
    if not 1 <= job <= num_jobs:
        raise InputError(f"--job {job}: not between 1 and --num_jobs {num_jobs}.")
    run = slice((job - 1) * utterances // num_jobs, job * utterances // num_jobs)
    text = _values(path / "text", run) if (path / "text").exists() else None
    speed = _values(path / "utt2speed", run) if (path / "utt2speed").exists() else None
    owner = "segments" if (path / "segments").exists() else "wav.scp"
    wavs = _values(path / owner, run)
    lines = dict(zip(wavs, range(run.start + 1, run.stop + 1), strict=True))
    segments = None
    if owner == "segments":
        segments = {key: _segment(value) for key, value in wavs.items()}
        recordings = {segment.recording for segment in segments.values()}
        wavs = {key: value for _, key, value in walk_table(path / "wav.scp", []) if key in recordings}
    return KaldiDir(wavs, _values(path / "utt2spk", run), text, segments, speed, lines)


def _values(path: Path, run: slice) -> dict[str, str]:
    with open(path, "rb") as file:
        fields = (line.decode().split(maxsplit=1) for line in islice(file, run.start, run.stop))
        return {key: "".join(value).rstrip() for key, *value in fields}


def _segment(value: str) -> Segment:
    segment = parse_segment(value)
    assert isinstance(segment, Segment)
    return segment
