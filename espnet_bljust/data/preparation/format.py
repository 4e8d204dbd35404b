"""Stage 3, one job's part: every utterance of a data directory as 16-bit mono audio of one rate and one file form.

    <out_dir>.tmp/data/format.J/<utterance>.flac    (or one data.ark)
    <out_dir>.tmp/data/format.J/utterances.jsonl    what came out, an utterance a line; gone after the merge, as
    <out_dir>.tmp/data/format.J/part.json           from which input it was made; written last

A job that finds its part.json made from the same input has nothing to do; any other beginning of it is redone.
`format_merge.py` puts the parts together.
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from kaldiio import save_ark

from espnet_bljust.data.audio.file_states import file_states
from espnet_bljust.data.audio.mixdown import CANCEL, mono
from espnet_bljust.data.audio.reading import Recording, read_recording
from espnet_bljust.data.audio.resample import resample
from espnet_bljust.data.audio.truncation import DEFAULT, Tolerance
from espnet_bljust.data.audio.writing import write_audio
from espnet_bljust.data.kaldi.part import count_checked, read_part
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk.files import fresh_dir, sync_tree, temporary_dir, write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress
from espnet_bljust.units import SAMPLE_RATE

FULL_SCALE = 32767  # |sample| at or above this counts as clipped
MAX_OVERSHOOT_SECONDS = 0.5  # a segment may end this far behind its recording, as in Kaldi's extract-segments
Write = Callable[[str, np.ndarray], str]  # id and samples to the entry of wav.scp
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class FormatOptions:
    """What decides the bytes that come out."""

    audio_format: str = "flac"  # flac, wav, or flac.ark / wav.ark through kaldiio
    rate: int = SAMPLE_RATE  # Hz
    mixdown: bool = False  # average several channels instead of refusing them
    max_missing: Tolerance = DEFAULT  # of what a header promises; beyond it a recording is broken

    def __post_init__(self) -> None:
        if self.audio_format not in ("flac", "wav", "flac.ark", "wav.ark"):
            raise InputError(f"--audio_format {self.audio_format}: not known. Use flac, wav, flac.ark or wav.ark.")
        if self.rate < 1:
            raise InputError(f"--fs {self.rate}: no sampling rate. Give it in Hz, e.g. 16000 or 16k.")


@dataclass(frozen=True)
class Formatted:
    """One utterance as it came out, or ``problem`` alone when it could not be read."""

    utterance: str
    entry: str = ""  # of wav.scp, with the final folder in it
    num_samples: int = 0
    source_rate: int = 0  # Hz
    audio_hash: str = ""  # of the 16-bit samples, see audio_hash()
    peak: int = 0  # largest |sample|, 0 to 32768
    rms: float = 0.0  # in units of the 16-bit scale
    clipped: int = 0  # samples at full scale
    overshoot: int = 0  # samples beyond full scale before rounding, e.g. after resampling
    short_seconds: float = 0.0  # what its recording lacks of what the header promises
    problem: str = ""


class PartDone(NamedTuple):
    """A finished part."""

    fingerprint: str
    utterances: int
    broken: int


def format_part(
    data_dir: Path, out_dir: Path, *, part: tuple[int, int], options: FormatOptions, pipes: bool = False
) -> PartDone:
    """Make part ``(job, num_jobs)``, job from 1, of ``data_dir``; ``pipes``: commands in wav.scp run."""
    job, num_jobs = part
    utterances = count_checked(data_dir)
    fingerprint = part_fingerprint(read_part(data_dir, part, utterances), options)
    folder = part_folder(temporary_dir(out_dir), job)
    done = read_done(folder)
    if done and done.fingerprint == fingerprint:
        return done
    fresh_dir(folder)
    final, table = part_folder(out_dir, job), folder / "utterances.jsonl"
    writer = _ArchiveWriter if options.audio_format.endswith(".ark") else _FileWriter
    count = broken = 0
    with writer(folder, final, options) as write, open(table, "w", encoding="utf-8", newline="\n") as file:
        for utterance in progress(read_part(data_dir, part, utterances), f"format {data_dir} {job}/{num_jobs}"):
            result = _format_utterance(utterance, options, write, pipes)
            file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")
            count += 1
            broken += bool(result.problem)
    sync_tree(folder)  # part.json says that all of it is there
    done = PartDone(fingerprint, count, broken)
    write_atomic(folder / "part.json", json.dumps(done._asdict()) + "\n")
    return done


def part_folder(out_dir: Path, job: int) -> Path:
    return out_dir / "data" / f"format.{job}"


def read_done(folder: Path) -> PartDone | None:
    """The part.json of a finished part, or None."""
    path = folder / "part.json"
    return PartDone(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def read_results(folder: Path) -> Iterator[Formatted]:
    """The utterances of a finished part, in order."""
    with open(folder / "utterances.jsonl", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield Formatted(**json.loads(line))


def part_fingerprint(utterances: Iterable[Utterance], options: FormatOptions) -> str:
    """A hash of all that a part is made from: options, entries, and size and time of the audio files."""
    digest = hashlib.blake2b(json.dumps(asdict(options)).encode(), digest_size=16)
    for utterance in utterances:
        state = [number for _, found in file_states(utterance.audio) for number in found or ()]
        digest.update(json.dumps([utterance.name, utterance.audio, utterance.segment, utterance.speed, state]).encode())
    return digest.hexdigest()


def _format_utterance(utterance: Utterance, options: FormatOptions, write: Write, pipes: bool) -> Formatted:
    """Read, cut, mix, resample, round to 16 bit and write one utterance."""
    try:
        samples, rate, short_seconds = _read_utterance(utterance, options, pipes)
    except InputError as error:
        return Formatted(utterance.name, problem=f"{utterance.where}: utterance {utterance.name}: {error}")
    resampled = resample(samples, rate, options.rate, speed=utterance.speed)
    scaled = np.rint(resampled.astype(np.float64) * 32768)
    integers = np.clip(scaled, -32768, 32767).astype(np.int16)  # exact for 16-bit sources at the target rate
    magnitude = np.abs(integers.astype(np.int32))
    return Formatted(
        utterance=utterance.name,
        entry=write(utterance.name, integers),
        num_samples=len(integers),
        source_rate=rate,
        audio_hash=audio_hash(integers),
        peak=int(magnitude.max()),
        rms=round(float(np.sqrt(np.mean(np.square(magnitude, dtype=np.float64)))), 1),
        clipped=int((magnitude >= FULL_SCALE).sum()),
        overshoot=int(((scaled > 32768) | (scaled < -32768)).sum()),
        short_seconds=round(short_seconds, 6),
    )


def _read_utterance(utterance: Utterance, options: FormatOptions, pipes: bool) -> Recording:
    """With samples (sample,) float32."""
    entry, (_, start, end) = utterance.audio, utterance.segment or ("", None, None)
    samples, rate, short_seconds = read_recording(entry, start, end, pipes=pipes, tolerance=options.max_missing)
    if end is not None:
        missing = (end - (start or 0)) - len(samples) / rate
        if missing > MAX_OVERSHOOT_SECONDS:
            raise InputError(f"{entry} ends {missing:.2f} s before the segment does. Correct the times.")
    if samples.shape[1] > 1 and not options.mixdown:  # (sample, channel)
        raise InputError(f"{entry}: {samples.shape[1]} channels where one is due. Mix down: --mixdown true.")
    wave, cancels = mono(samples)
    if cancels:
        print(f"{entry}: {CANCEL}", file=sys.stderr)
    return Recording(wave, rate, short_seconds)


def audio_hash(integers: np.ndarray) -> str:
    """A content hash of (sample,) int16: equal for equal audio, whatever file form it came in."""
    return hashlib.blake2b(integers.astype("<i2").tobytes(), digest_size=16).hexdigest()


def file_name(utterance: str) -> str:
    """A file name for an id with any characters in it: plain ids as they are, others percent-encoded."""
    name = utterance if PLAIN_NAME.fullmatch(utterance) else quote(utterance, safe="").replace(".", "%2E")
    if len(name) > 200:  # file systems end at 255 bytes
        name = name[:160].rstrip("%") + "." + hashlib.blake2b(utterance.encode(), digest_size=16).hexdigest()
    return name


class _FileWriter:
    """One file an utterance."""

    def __init__(self, folder: Path, final: Path, options: FormatOptions) -> None:
        self.folder, self.final, self.options = folder, final, options

    def __enter__(self):
        return self.write

    def __exit__(self, *error) -> None:
        pass

    def write(self, utterance: str, integers: np.ndarray) -> str:
        name = f"{file_name(utterance)}.{self.options.audio_format}"
        write_audio(Path(f"{self.folder}/{name}"), integers, self.options.rate)
        return f"{self.final}/{name}"


class _ArchiveWriter:
    """One Kaldi archive a part; entries are its path and a byte offset."""

    def __init__(self, folder: Path, final: Path, options: FormatOptions) -> None:
        self.path, self.final, self.options = folder / "data.ark", final / "data.ark", options

    def __enter__(self):
        self.file = self.path.open("wb")
        return self.write

    def __exit__(self, *error) -> None:
        self.file.close()

    def write(self, utterance: str, integers: np.ndarray) -> str:
        offset = self.file.tell() + len(utterance.encode()) + 1  # behind "utterance "
        kind = self.options.audio_format.removesuffix(".ark")
        save_ark(
            self.file,
            {utterance: (integers, self.options.rate)},
            write_function="soundfile",
            write_kwargs={"format": kind, "subtype": "PCM_16"},
        )
        return f"{self.final}:{offset}"
