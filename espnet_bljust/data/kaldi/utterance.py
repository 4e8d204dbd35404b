"""An utterance on its way from a corpus to data/<set> and dump/raw/<set>: the one type, and its place in the tables.

    wav.scp or segments, utt2spk, text     from stage 1 on
    utt2speed                              from stage 2 on
    utt2num_samples, utt2hash, utt2level   from stage 3 on, without segments
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.segments import Segment, parse_segment, segment_value
from espnet_bljust.errors import InputError

FIELDS = {"wav.scp": "audio", "segments": "segment", "utt2spk": "speaker", "text": "text", "utt2speed": "speed",
          "utt2num_samples": "num_samples", "utt2hash": "hash", "utt2level": "level"}  # fmt: skip


class Utterance(NamedTuple):
    """A whole recording, or a segment of one."""

    name: str
    speaker: str
    audio: str  # entry of wav.scp; of a segment, that of its recording
    text: str | None = None  # None: no transcript
    split: str = ""  # train, dev or test, where a corpus says it
    segment: Segment | None = None  # of ``audio``; None: all of it
    where: str = ""  # for messages: the place that names it
    words: str = ""  # the text normalised, while a corpus is gathered
    speed: str = "1.0"  # factor
    num_samples: int = 0
    hash: str = ""  # equal for equal audio
    level: str = ""  # "peak rms clipped" in 16-bit units


def value_in(table: str, utterance: Utterance) -> str:
    """What stands behind the name in a table."""
    if table == "segments":
        return segment_value(utterance.segment) if utterance.segment else ""
    return str(getattr(utterance, FIELDS[table]))


def from_values(folder: Path, name: str, values: Mapping[str, str]) -> Utterance:
    """From what stands in the tables of ``folder``; of a segment the audio is left empty, wav.scp has recordings."""
    fields: dict = {FIELDS[table]: value for table, value in values.items()}
    if "segment" in fields:
        fields["segment"] = parse_segment(fields["segment"])
        if isinstance(fields["segment"], str):
            raise InputError(f"{folder}/segments: {name}: {fields['segment']}. Correct the times, or drop the line.")
    if "num_samples" in fields:
        fields["num_samples"] = num_samples(folder / "utt2num_samples", name, fields["num_samples"])
    return Utterance(name, fields.pop("speaker", ""), fields.pop("audio", ""), **fields)


def num_samples(path: Path, utterance: str, value: str) -> int:
    """What utt2num_samples, or a shape file of ESPnet's, where "samples,1" stands, says of an utterance."""
    count = value.partition(",")[0]
    if not count.isdecimal():
        raise InputError(f"{path}: {utterance} has {value!r} samples. Run stage 3 again.")
    return int(count)
