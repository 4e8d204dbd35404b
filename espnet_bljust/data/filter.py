"""Stage 4: which utterances stay, and for each that goes, why.

    train, valid, unlabelled   too_short, too_long, empty_text (where there is text)
    train, unlabelled          id_in_<set>, audio_in_<set>: what dev and test contain is never trained on
    test                       nothing: a score is comparable only on the whole set

Bounds are exclusive, as in ESPnet's asr.sh: min_wav_duration < duration < max_wav_duration.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from espnet_bljust.data.formatted_set import FormattedSet, Utterance

PERTURBED = re.compile(r"^sp\d+(\.\d+)?-")  # what perturb.py puts in front of an id


@dataclass(frozen=True)
class Bounds:
    """What an utterance must lie between, in seconds, and the sampling rate in Hz."""

    min_seconds: float = 0.1
    max_seconds: float = 20.0
    rate: int = 16000


def unfit(utterance: Utterance, bounds: Bounds) -> str:
    """Why an utterance cannot be trained on; empty when it can."""
    seconds = utterance.num_samples / bounds.rate
    if seconds <= bounds.min_seconds:
        return f"too_short {seconds:.3f} s"
    if seconds >= bounds.max_seconds:
        return f"too_long {seconds:.3f} s"
    return "" if utterance.text is None or utterance.text.strip() else "empty_text"


@dataclass
class HeldOut:
    """What dev and test contain; these are in memory, the sets that are trained on are not."""

    ids: dict[str, str] = field(default_factory=dict)  # utterance -> set
    audio: dict[str, str] = field(default_factory=dict)  # hash -> "set utterance"
    copied: dict[str, str] = field(default_factory=dict)  # utterance of a training set -> hash, where it is in audio

    def hold(self, sets: Iterable[FormattedSet]) -> None:
        for data in sets:
            for utterance in data:
                self.ids.setdefault(utterance.name, data.name)
                if utterance.hash:
                    self.audio[utterance.hash] = f"{data.name} {utterance.name}"

    def look_for_copies(self, data: FormattedSet) -> None:
        """Note which utterances of a training set are heard in dev or test, for their copies at other speeds."""
        self.copied = {utterance.name: utterance.hash for utterance in data if utterance.hash in self.audio}

    def reason(self, utterance: Utterance) -> str:
        """``id_in_<set>``, or ``audio_in_<set>`` for equal audio; a copy at another speed goes with its original."""
        original = PERTURBED.sub("", utterance.name)
        holder = self.ids.get(utterance.name) or self.ids.get(original)
        if holder:
            return f"id_in_{holder}"
        heard = self.copied.get(utterance.name) or self.copied.get(original)
        return f"audio_in_{self.audio[heard]}" if heard else ""
