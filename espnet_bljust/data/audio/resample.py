"""Change of sampling rate and of speed by a polyphase filter (scipy.signal.resample_poly).

The low-pass is a Kaiser-windowed sinc with 32 zero crossings a side, cut at 0.95 of the lower Nyquist frequency;
β = 10 keeps images and aliases about 100 dB down, below 16-bit quantisation.
"""

from fractions import Fraction
from functools import lru_cache

import numpy as np

ZERO_CROSSINGS = 32
KAISER_BETA = 10.0
ROLL_OFF = 0.95


def resample(samples: np.ndarray, rate: int, target_rate: int, *, speed: str = "1.0") -> np.ndarray:
    """(sample,) at ``rate`` Hz -> (sample,) float32 at ``target_rate`` Hz, ``speed`` times as fast.

    Speed changes tempo and pitch together, as sox's ``speed`` and Kaldi's speed perturbation do.
    """
    ratio = Fraction(target_rate) / (Fraction(rate) * Fraction(speed))
    if ratio == 1:
        return samples
    from scipy.signal import resample_poly  # imports for a second; most corpora never need it

    up, down = ratio.numerator, ratio.denominator
    return resample_poly(samples, up, down, window=_low_pass(up, down)).astype(np.float32)


@lru_cache(maxsize=8)
def _low_pass(up: int, down: int) -> np.ndarray:
    from scipy.signal import firwin

    longest = max(up, down)
    return firwin(2 * ZERO_CROSSINGS * longest + 1, ROLL_OFF / longest, window=("kaiser", KAISER_BETA))
