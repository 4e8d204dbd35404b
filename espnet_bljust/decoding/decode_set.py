"""Stage 12: one part of a data set decoded, in batches of utterances of like length."""

import time
from pathlib import Path
from typing import NamedTuple

import torch

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.feeding.batching import fixed_batches
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.decoding.parts import Results, Wanted, part_dir
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.errors import InputError
from espnet_bljust.progress import progress
from espnet_bljust.units import SAMPLE_RATE


class Decoded(NamedTuple):
    """What one part was."""

    folder: Path
    utterances: int
    real_time_factor: float


def decode_part(
    recogniser: Recogniser, data_dir: Path, out_dir: Path, *, part: tuple[int, int], wanted: Wanted,
    batch_seconds: float = 60.0,
) -> Decoded:
    """Part ``(job, num_jobs)``, job from 1: every num_jobs-th utterance in order of length.

    batch_seconds: of audio decoded at once.
    """
    if wanted.alignments and recogniser.network.head_name != "ctc":
        raise InputError("--write_alignments: a class stands for the whole utterance and has no times. Leave it out.")
    job, num_jobs = part
    wav = read_table(data_dir / "wav.scp")
    samples = {name: int(count) for name, count in read_table(data_dir / "utt2num_samples").items()}
    unknown = sorted(wav.keys() - samples.keys())
    if unknown:
        raise InputError(f"{data_dir}/utt2num_samples: has no {unknown[0]} of wav.scp. Run stage 4 again.")
    mine = sorted(wav, key=lambda name: (samples[name], name))[job - 1 :: num_jobs]
    batches = fixed_batches(mine, [samples[name] / SAMPLE_RATE for name in mine], batch_seconds)
    results = Results(recogniser.num_best, wanted)
    started = time.perf_counter()
    for batch in progress(batches, f"decode {data_dir}", unit="batch"):
        waves = [torch.from_numpy(read_audio(wav[name])[0]) for name in batch]
        for name, frames in zip(batch, recogniser.log_probabilities(waves), strict=True):
            results.add(name, frames, recogniser)
    seconds = time.perf_counter() - started
    audio_seconds = sum(samples[name] for name in mine) / SAMPLE_RATE
    folder = part_dir(out_dir, job)
    results.write(folder, out_dir / f"posteriors.{job}.ark")
    return Decoded(folder, len(mine), seconds / max(audio_seconds, 1e-9))
