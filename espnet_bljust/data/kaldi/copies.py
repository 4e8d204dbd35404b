"""Names of copies at other speeds, as ESPnet gives them: ``sp0.9-`` in front of the utterance's own."""

import re
from fractions import Fraction

PERTURBED = re.compile(r"sp(\d+\.\d+)-")  # with a point: sp1- may be the first Spanish speaker


def original_of(utterance: str) -> str:
    """The id that a copy was made of; any other id itself."""
    match = PERTURBED.match(utterance)
    return utterance[match.end() :] if match else utterance


def speed_of(utterance: str) -> float:
    """1 for an utterance that is no copy."""
    match = PERTURBED.match(utterance)
    return float(match[1]) if match else 1.0


def prefix(speed: str) -> str:
    """In front of the ids of a copy; always with a decimal point."""
    return "" if Fraction(speed) == 1 else f"sp{speed}-" if "." in speed else f"sp{speed}.0-"
