"""Stage 3, the end: check that all parts are there, merge their tables, put the folder in its place.

<out_dir>/{wav.scp, utt2spk, spk2utt[, text], utt2num_samples}   as Kaldi and ESPnet know them
<out_dir>/utt2hash     content hash of the 16-bit samples: equal audio, equal hash
<out_dir>/utt2level    peak, root mean square and number of clipped samples, in 16-bit units
<out_dir>/short.txt    utterances of recordings that end before their headers say, with the seconds that are missing
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.part import count_checked, read_part
from espnet_bljust.data.kaldi.sorted_tables import writing
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.data.preparation.format import (
    FormatOptions,
    Formatted,
    format_part,
    part_fingerprint,
    part_folder,
    read_done,
    read_results,
)
from espnet_bljust.data.preparation.formatted_set import TABLES
from espnet_bljust.disk.files import swap_dir, temporary_dir, write_atomic
from espnet_bljust.disk.late import wait_for
from espnet_bljust.disk.problems import raise_listed
from espnet_bljust.errors import InputError


class FormatSummary(NamedTuple):
    """Counts for the command's last line; utterances in = kept + broken."""

    kept: int
    broken: int
    seconds: float
    resampled: int  # utterances whose source had another rate
    overshoot: int  # samples beyond full scale, clipped
    short: int  # utterances of recordings that end before their headers say
    short_seconds: float  # what the worst of them lacks

    @property
    def shortfalls(self) -> str:
        """What to say of them."""
        return f"{self.short} end up to {1000 * self.short_seconds:.0f} ms before their headers say"


def format_and_merge(
    data_dir: Path, out_dir: Path, *, num_jobs: int, options: FormatOptions, skip_broken: bool, pipes: bool
) -> FormatSummary:
    """All parts, one after the other, and the merge."""
    for job in range(1, num_jobs + 1):
        format_part(data_dir, out_dir, part=(job, num_jobs), options=options, pipes=pipes)
    return merge_parts(data_dir, out_dir, num_jobs=num_jobs, options=options, skip_broken=skip_broken)


def merge_parts(
    data_dir: Path, out_dir: Path, *, num_jobs: int, options: FormatOptions, skip_broken: bool
) -> FormatSummary:
    """Check and merge the ``num_jobs`` parts of ``<out_dir>.tmp`` and rename it to ``out_dir``.

    Utterances that could not be read stop it, with the list of them in a file, unless ``skip_broken``.
    """
    temporary, utterances = temporary_dir(out_dir), count_checked(data_dir)
    temporary.mkdir(parents=True, exist_ok=True)
    wait_for(part_folder(temporary, job) / "part.json" for job in range(1, num_jobs + 1))
    problems: list[str] = []
    short: list[tuple[str, float]] = []
    kept = samples = resampled = overshoot = 0
    tables = [name for name in TABLES if name != "text" or (data_dir / name).exists()]
    with writing(temporary, tables) as add:
        for job in range(1, num_jobs + 1):  # runs of neighbours: their tables one behind the other are sorted
            for result, utterance in _results(data_dir, temporary, (job, num_jobs), utterances, options):
                if result.problem:
                    problems.append(result.problem)
                    continue
                kept += 1
                samples += result.num_samples
                resampled += result.source_rate != options.rate
                overshoot += result.overshoot
                if result.short_seconds:
                    short.append((result.utterance, result.short_seconds))
                level = f"{result.peak} {result.rms} {result.clipped}"
                add(utterance._replace(audio=result.entry, num_samples=result.num_samples, hash=result.audio_hash,
                                       level=level))
    if not skip_broken:
        raise_listed(problems, out_dir.with_name(out_dir.name + ".broken.txt"), str(data_dir),
                     remedy="Copy them again, or go on without them: --skip_broken true.")
    if not kept:
        raise InputError(f"{out_dir}: none of the {len(problems)} utterances could be read. First: {problems[0]}")
    write_atomic(temporary / "broken.txt", "".join(problem + "\n" for problem in problems))
    write_atomic(temporary / "short.txt", "".join(f"{utterance} {seconds:.4f}\n" for utterance, seconds in short))
    _tidy(temporary, num_jobs)
    swap_dir(temporary, out_dir)
    worst = max((seconds for _, seconds in short), default=0.0)
    return FormatSummary(kept, len(problems), samples / options.rate, resampled, overshoot, len(short), worst)


def _results(
    data_dir: Path, temporary: Path, part: tuple[int, int], utterances: int, options: FormatOptions
) -> Iterator[tuple[Formatted, Utterance]]:
    """The results of a part, in order, with the utterance of each; it must be made from what ``data_dir`` is now."""
    folder = part_folder(temporary, part[0])
    done = read_done(folder)
    if done is None:
        raise InputError(f"{folder}: part {part[0]} of {part[1]} is not finished. See its log, run stage 3 again.")
    if done.fingerprint != part_fingerprint(read_part(data_dir, part, utterances), options):
        raise InputError(f"{folder}: the data changed after part {part[0]} was made. Run stage 3 again.")
    return zip(read_results(folder), read_part(data_dir, part, utterances), strict=True)


def _tidy(temporary: Path, num_jobs: int) -> None:
    """Away with parts of an earlier run with more jobs, and with what only this merge needed."""
    for folder in (temporary / "data").iterdir():
        if folder.name in {f"format.{job}" for job in range(1, num_jobs + 1)}:
            (folder / "part.json").unlink()
            (folder / "utterances.jsonl").unlink()
        else:
            shutil.rmtree(folder)
