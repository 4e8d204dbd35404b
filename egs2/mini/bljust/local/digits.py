"""The corpus `mini`: strings of English digits by espeak-ng voices, as a plan that says every utterance beforehand."""

import itertools
from typing import NamedTuple

import numpy as np

from espnet_bljust.data.audio.synthesis import EspeakVoice, add_background, speak, to_int16
from espnet_bljust.randomness import derive_seed
from espnet_bljust.units import SAMPLE_RATE

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUM_WORDS = (2, 6)  # words in an utterance, both ends included
PAUSE_MS = (0, 150)  # between two words, on top of the engine's own
MARGIN_SECONDS = (0.05, 0.25)  # before and after the words
SNR_DB = (20.0, 40.0)
LEVEL_DB = (-32.0, -20.0)

# Variants of voices/!v that are intelligible. Left out: whispers, croaks, robots, Klatt synthesis, heavy clipping, and
# those whose digits lie nearer to another digit of the average voice (mel cepstra) in two or more cases of ten.
VARIANTS = """
    Alex Andrea Andy Annie Denis Diogo Gene Henrique Hugo Lee Mario Michael Mike Nguyen Reed RicishayMax adam anika
    announcer aunty belinda benjamin boris caleb david edward edward2 f1 f2 f3 f4 f5 grandma grandpa gustave ian iven4
    john linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel mike2 norbert pablo quincy rob robert steph travis
    victor
""".split()  # noqa: SIM905 (a table reads better than sixty quoted names)


class Utterance(NamedTuple):
    """One line of the plan."""

    name: str
    speaker: str
    voice: EspeakVoice
    words: str
    seed: int


def plan_corpus(amounts: dict[str, tuple[int, int]], seed: int) -> dict[str, list[Utterance]]:
    """Utterances by set; ``amounts`` maps a set to its numbers of utterances and of speakers.

    No speaker is in two sets, and no variant of dev or test in any other set.
    """
    variants = _share_variants(seed)
    return {name: _plan_set(name, *amounts[name], variants[name], seed) for name in amounts}


def _share_variants(seed: int) -> dict[str, list[str]]:
    """A tenth of the variants for dev, a sixth for test; the others speak in both train and unlabelled."""
    order = np.random.default_rng(derive_seed(seed, "variants")).permutation(VARIANTS).tolist()
    dev, test = len(order) // 10, len(order) // 10 + len(order) // 6
    return {"dev": order[:dev], "test": order[dev:test], "train": order[test:], "unlabelled": order[test:]}


def _plan_set(name: str, num_utterances: int, num_speakers: int, variants: list[str], seed: int) -> list[Utterance]:
    generator = np.random.default_rng(derive_seed(seed, "plan", name))
    voices = _draw_voices(name, num_speakers, variants, generator)
    utterances = []
    for index, (speaker, voice) in zip(range(num_utterances), itertools.cycle(sorted(voices.items()))):
        words = " ".join(generator.choice(WORDS, size=generator.integers(*NUM_WORDS, endpoint=True)))
        utterance = f"{speaker}-{index // len(voices):04d}"
        utterances.append(Utterance(utterance, speaker, voice, words, derive_seed(seed, name, utterance)))
    return utterances


def _draw_voices(name: str, count: int, variants: list[str], generator: np.random.Generator) -> dict[str, EspeakVoice]:
    """Speakers of one set; train takes even pitches and unlabelled odd ones, which keeps them apart."""
    voices: dict[str, EspeakVoice] = {}
    for variant in itertools.cycle(variants):
        if len(voices) >= count:
            return voices
        speed, pitch, pitch_range = (int(value) for value in generator.integers((120, 15, 30), (181, 36, 81)))
        pitch = 2 * pitch + (name == "unlabelled")
        voices[f"{variant}-p{pitch:02d}-s{speed:03d}-r{pitch_range:02d}"] = EspeakVoice(
            f"en-us+{variant}", speed, pitch, pitch_range
        )


def record(utterance: Utterance) -> np.ndarray:
    """The utterance as int16 samples at 16 kHz; a function of the plan's line alone."""
    generator = np.random.default_rng(utterance.seed)
    first, *others = utterance.words.split()
    pauses = [f' <break time="{generator.integers(*PAUSE_MS)}ms"/> {word}' for word in others]
    speech = speak(first + "".join(pauses), utterance.voice, seed=utterance.seed)
    before, after = (int(SAMPLE_RATE * generator.uniform(*MARGIN_SECONDS)) for _ in range(2))
    speech = add_background(np.pad(speech, (before, after)), generator, snr_db=SNR_DB)
    return to_int16(speech, rms_db=generator.uniform(*LEVEL_DB))
