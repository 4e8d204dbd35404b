"""Several channels as one."""

import numpy as np

CANCEL = "its channels cancel each other (antiphase); the louder one is taken"
LEAST_SHARE = 1e-4  # of the louder channel's energy: 40 dB; below it the channels cancel each other


def mono(samples: np.ndarray) -> tuple[np.ndarray, bool]:
    """(sample, channel) -> (sample,): their mean; where they cancel, as in antiphase, the loudest, and True."""
    if samples.shape[1] == 1:
        return samples[:, 0], False
    mean = samples.mean(axis=1)
    energies = np.square(samples, dtype=np.float64).sum(axis=0)
    loudest = int(energies.argmax())
    cancels = bool(np.square(mean, dtype=np.float64).sum() < LEAST_SHARE * energies[loudest])
    return (samples[:, loudest] if cancels else mean), cancels
