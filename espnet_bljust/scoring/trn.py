"""The units that are counted, and the transcript files that sclite reads.

A line of ref.trn or hyp.trn is `unit unit unit<TAB>(speaker-utterance)`, as stage 13 of ESPnet's asr.sh writes it.
"""

from collections.abc import Callable, Mapping, Sequence, Set

from espnet_bljust.data.text.tokens import SPACE


def units(text: str, split: Callable[[str], list[str]], silent: Set[str] = frozenset()) -> list[str]:
    """What ``split`` makes of the words that are not ``silent``, one space between them; no unit holds white space."""
    spoken = " ".join(word for word in text.split() if word not in silent)
    return [SPACE if unit == " " else unit for unit in split(spoken)] if spoken else []


def trn_text(units_of: Mapping[str, Sequence[str]], speakers: Mapping[str, str]) -> str:
    """The file: one line an utterance, in the order of ``units_of`` (by utterance id)."""
    return "".join(f"{' '.join(sequence)}\t({trn_id(name, speakers)})\n" for name, sequence in units_of.items())


def trn_id(utterance: str, speakers: Mapping[str, str]) -> str:
    """``speaker-utterance``; an utterance without a speaker is its own, as in Kaldi."""
    return f"{speakers.get(utterance, utterance)}-{utterance}"
