"""Stage 6: utterances whose transcripts are far too long or too short for their audio.

    z = (ln r - median) / max(1.4826 MAD, 0.1),   r: characters a second, without spaces;   an outlier: |z| > 3.5
Median and MAD (the median distance from it; 1.4826 MAD is a normal distribution's deviation) are those of the set's own
ln r, which outliers hardly move. 0.1 is 10 %: where all speak alike, no less is called odd.
Source: Iglewicz and Hoaglin, How to detect and handle outliers, 1993, section 3.4.
"""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

FAR = 3.5
NORMAL = 1.4826
LEAST_SPREAD = 0.1
LEAST_UTTERANCES = 5  # of fewer nothing can be said


class TextOutlier(NamedTuple):
    """An utterance that stands out; ``place``: which of the set."""

    place: int
    rate: float  # characters a second
    z: float


class TextRates:
    """Characters a second of a set as it passes; an utterance without any has no rate."""

    def __init__(self) -> None:
        self.rates = array("d")

    def add(self, text: str, seconds: float) -> None:
        self.rates.append(len("".join(text.split())) / seconds if seconds > 0 else 0.0)

    def outliers(self) -> Iterator[TextOutlier]:
        """In the order of the set."""
        rates = np.frombuffer(self.rates)
        known = np.log(rates[rates > 0])
        if len(known) < LEAST_UTTERANCES:
            return
        median = np.median(known)
        spread = max(NORMAL * float(np.median(np.abs(known - median))), LEAST_SPREAD)
        z = np.zeros(len(rates))
        z[rates > 0] = (known - median) / spread
        for place in np.flatnonzero(np.abs(z) > FAR).tolist():
            yield TextOutlier(place, float(rates[place]), float(z[place]))
