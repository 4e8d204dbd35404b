"""Speech in other surroundings: noise beside it, a room around it.

    y = x + g n,   g^2 = mean(x^2) / (mean(n^2) 10^(SNR / 10))     noise at a signal-to-noise ratio in dB
    y = (x * r)[d : d + len(x)],   d = argmax |r|                  a room's response r, its direct sound in place
Source: Ko et al., "A study on data augmentation of reverberant speech for robust speech recognition" (ICASSP 2017),
section 3; both powers are means over whole signals, pauses too.
"""

import numpy as np

LOWEST_HZ = 50.0  # below it pink noise is white, so that a mean of 0 and slow drifts take no power


def with_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """(sample,) of both -> (sample,) of speech's type; noise of no power, or speech of none, adds nothing."""
    power = np.square(noise, dtype=np.float64).mean()
    if power == 0:
        return speech
    gain = np.sqrt(np.square(speech, dtype=np.float64).mean() / (power * 10 ** (snr_db / 10)))
    return (speech + gain * noise).astype(speech.dtype)


def in_room(speech: np.ndarray, response: np.ndarray) -> np.ndarray:
    """(sample,) with the power and the length that it had; ``response``: (sample,) of the same rate."""
    from scipy.signal import fftconvolve  # imports for a second; few trainings need it

    direct = int(np.abs(response).argmax())
    heard = fftconvolve(speech, response)[direct : direct + len(speech)]
    power = np.square(heard, dtype=np.float64).mean()
    scale = np.sqrt(np.square(speech, dtype=np.float64).mean() / power) if power else 1.0
    return (scale * heard).astype(speech.dtype)


def pink_noise(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """(sample,) float64 of mean power 1: white Gaussian noise whose spectrum is divided by sqrt(max(f, 50 Hz))."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / rate), LOWEST_HZ)), count)
    return noise / np.sqrt(np.square(noise).mean())
