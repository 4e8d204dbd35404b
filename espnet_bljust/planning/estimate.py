"""What a stage will cost in time and disk, by rules of thumb from the hours of audio; one line on stdout.

Hours come from utt2num_samples (after stage 3), else from the size of the files that data/<set>/wav.scp names.
Training is estimated by bin/plan. Standard library only.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet_bljust.progress import duration
from espnet_bljust.units import SAMPLE_RATE

BYTES_PER_HOUR = SAMPLE_RATE * 2 * 3600  # 16-bit mono at 16 kHz
FLAC_RATIO = 0.55  # FLAC against WAV on read speech
SIZE_RATIO = {".flac": FLAC_RATIO, ".mp3": 0.15, ".ogg": 0.15, ".opus": 0.1}  # of a source file, against WAV
# Hours of audio done in an hour on one core of a present-day server; orders of magnitude, not promises.
FORMAT_SPEED, REPORT_SPEED, DECODE_SPEED = 400.0, 2000.0, 20.0
START_SECONDS = 2.0  # of a command


def estimate(
    stage: int, hours: Mapping[str, float | None], *, decode_sets: Sequence[str], audio_format: str, num_jobs: int
) -> str:
    """The line for one stage; ``hours`` by set, None where they are not known; decode_sets: those of stage 12."""
    if 8 <= stage <= 10:
        return "estimate: in the training plan, --stage 7 --stop_stage 7"
    if stage not in (3, 4, 5, 6, 12):
        return "estimate: seconds, a few MB" if stage > 1 else "estimate: the recipe's README tells"
    if any(value is None for value in hours.values()):
        return "estimate: after stage 1, when the hours of audio are known"
    total = sum(value or 0.0 for value in hours.values())
    workers = min(num_jobs, len(os.sched_getaffinity(0)))
    if stage == 3:
        ratio = FLAC_RATIO if audio_format.startswith("flac") else 1.0
        return line(total, total / FORMAT_SPEED / workers, total * BYTES_PER_HOUR * ratio)
    if stage in (4, 5, 6):
        return line(total, total / REPORT_SPEED, 2e6)
    decoded = sum(hours.get(name) or 0.0 for name in decode_sets)
    return line(decoded, decoded / DECODE_SPEED / workers, 1e6)


def line(hours: float, needed_hours: float, disk_bytes: float) -> str:
    """``estimate: about 0:14 and 63 MB for 1.02 h of audio``."""
    disk = f"{disk_bytes / 1e9:.1f} GB" if disk_bytes >= 1e9 else f"{disk_bytes / 1e6:.0f} MB"
    return f"estimate: about {duration(START_SECONDS + 3600 * needed_hours)} and {disk} for {hours:.2f} h of audio"


def hours_of(name: str, dump_dir: Path) -> float | None:
    """Hours of a set; None where nothing tells them yet."""
    samples = dump_dir / "org" / name / "utt2num_samples"
    if samples.exists():
        with samples.open(encoding="utf-8") as rows:
            return sum(int(row.split()[1]) for row in rows) / SAMPLE_RATE / 3600
    table = Path("data") / name / "wav.scp"
    if not table.exists():
        return None
    return sum(map(hours_of_file, table.read_text(encoding="utf-8").splitlines()))


def hours_of_file(row: str) -> float:
    """Hours of one recording by the size of its file; a pipe or a missing file counts as nothing."""
    paths = [Path(name) for name in row.split(maxsplit=1)[-1].strip().split(" + ")]
    return sum(path.stat().st_size / BYTES_PER_HOUR / SIZE_RATIO.get(path.suffix.lower(), 1.0)
               for path in paths if path.is_file())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", type=int, required=True)
    parser.add_argument("--dump_dir", type=Path, required=True)
    parser.add_argument("--sets", required=True, help="all sets, in quotes")
    parser.add_argument("--decode_sets", default="", help="sets that stage 12 decodes")
    parser.add_argument("--audio_format", default="flac")
    parser.add_argument("--nj", type=int, default=1)
    given = parser.parse_args()
    print(estimate(given.stage, {name: hours_of(name, given.dump_dir) for name in given.sets.split()},
                   decode_sets=given.decode_sets.split(), audio_format=given.audio_format, num_jobs=given.nj))
