"""One job's part of a data directory: a run of neighbouring utterances; the lines of others are passed over."""

from collections.abc import Iterator
from itertools import batched, islice
from pathlib import Path

from espnet_bljust.data.kaldi.directory import read_dir
from espnet_bljust.data.kaldi.sorted_tables import walk_utterances
from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.kaldi.walk import tables_of, walk_dir
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


def read_part(path: Path, part: tuple[int, int], utterances: int) -> Iterator[Utterance]:
    """Part ``(job, num_jobs)``, job from 1, of a directory of ``utterances`` that `count_checked` has passed.

    Each has its audio, also where it is a segment, and says in ``where`` on which line it stands.
    """
    job, num_jobs = part
    if not 1 <= job <= num_jobs:
        raise InputError(f"--job {job}: not between 1 and --num_jobs {num_jobs}.")
    begin, end = (job - 1) * utterances // num_jobs, job * utterances // num_jobs
    tables = tables_of(path)
    walked = islice(walk_utterances(path, tables, remedy="Run stage 1 again."), begin, end)
    numbered = (utterance._replace(where=f"{path / tables[0]}:{line}")
                for line, utterance in enumerate(walked, begin + 1))
    return _with_recordings(path, numbered) if tables[0] == "segments" else numbered


def _with_recordings(path: Path, segments: Iterator[Utterance]) -> Iterator[Utterance]:
    """In blocks, so that memory does not grow with the directory."""
    for block in batched(segments, BLOCK):
        recordings = {utterance.segment.recording for utterance in block}
        wavs = {key: value for _, key, value in walk_table(path / "wav.scp", []) if key in recordings}
        for utterance in block:
            yield utterance._replace(audio=wavs[utterance.segment.recording])
