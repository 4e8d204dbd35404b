"""Noise, rooms and gain for the labelled utterances: what each hears is a pure function of (seed, pass, utterance).

The order is ESPnet's: the room first, then noise, then the level. The pool is heard as it is. Each is drawn whatever
``strength`` is, which scales how often one is used: a ramp of the plan lets more and more of the same in.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from espnet_bljust.data.audio.headers import read_header
from espnet_bljust.data.audio.mixing import in_room, with_noise
from espnet_bljust.data.audio.reading import read_channels
from espnet_bljust.data.audio.resample import resample
from espnet_bljust.data.corpus.folder import ENDINGS, walk_files
from espnet_bljust.data.feeding.samples import Sample
from espnet_bljust.data.kaldi.sorted_tables import walk_sorted
from espnet_bljust.errors import InputError
from espnet_bljust.randomness import derive_seed
from espnet_bljust.training.augment import AugmentConfig, Turn
from espnet_bljust.units import SAMPLE_RATE

Alter = Callable[[Turn, Sample], Sample]


class Surroundings(NamedTuple):
    """What a run can place an utterance in."""

    config: AugmentConfig
    noises: Sequence[str] = ()  # files
    rooms: Sequence[str] = ()
    seed: int = 0

    @classmethod
    def of(cls, config: AugmentConfig, seed: int) -> Self:
        """InputError where a list holds no recording or one whose header is not read."""
        return cls(config, _recordings("noise_scp", config.noise_scp), _recordings("rir_scp", config.rir_scp), seed)

    @property
    def alter(self) -> Alter | None:
        """What is to be done with a labelled sample; None: nothing."""
        return self if self.noises or self.rooms or any(self.config.gain_db_range) else None

    def __call__(self, turn: Turn, sample: Sample) -> Sample:
        """InputError, with the recording's name, where one cannot be read."""
        rng = np.random.default_rng(derive_seed(self.seed, "surroundings", turn.epoch, sample.utterance))
        wave, config = sample.wave, self.config
        place, start, snr, gain = rng.random(2), rng.random(), rng.uniform(*config.noise_db_range), rng.random()
        used = rng.random(2) < turn.strength * np.array([config.rir_apply_prob, config.noise_apply_prob])
        if self.rooms and used[0]:
            wave = in_room(wave, _read(self.rooms[int(place[0] * len(self.rooms))]))
        if self.noises and used[1]:
            noise = _stretch(self.noises[int(place[1] * len(self.noises))], start, len(wave))
            wave = with_noise(wave, noise, snr)
        low, high = config.gain_db_range
        level = 10 ** (turn.strength * (low + (high - low) * gain) / 20)
        return sample._replace(wave=(level * wave).astype(wave.dtype))


def _recordings(name: str, entry: str) -> list[str]:
    """The files of a folder, at any depth, or of a wav.scp, sorted; none where nothing is named."""
    if not entry:
        return []
    path = Path(entry)
    if path.is_dir():
        files = sorted(entry.path for entry in walk_files(path) if Path(entry.name).suffix.lower() in ENDINGS)
    elif path.is_file():
        files = [file for _, file in walk_sorted(path)]
    else:
        raise InputError(f"augment_conf.{name}: {entry} is neither a folder nor a wav.scp. Paths start in the recipe's "
                         "folder.")
    if not files:
        raise InputError(f"augment_conf.{name}: no recording in {entry}. Their names end in "
                         f"{', '.join(sorted(ENDINGS))}.")
    for file in files:
        read_header(file)
    return files


def _read(file: str, start: float | None = None, end: float | None = None) -> np.ndarray:
    """(sample,) of its first channel at 16 kHz; seconds."""
    samples, rate = read_channels(file, start, end)
    return resample(samples[:, 0], rate, SAMPLE_RATE)


def _stretch(file: str, place: float, count: int) -> np.ndarray:
    """(sample,) from a place 0 .. 1 of those where ``count`` samples fit; a recording that is shorter is repeated."""
    header = read_header(file)
    seconds, needed = header.num_samples / header.rate, count / SAMPLE_RATE
    start = place * max(0.0, seconds - needed)
    noise = _read(file, start, min(seconds, start + needed + 1 / header.rate))
    return np.resize(noise, count)
