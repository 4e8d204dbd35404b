"""Sets of strings that are only counted and compared: 8 bytes for each of millions.

A string is known by its 64-bit hash (Python's own, SipHash with a random key): among ten million, two share one with a
probability of 3e-6, and a count is then one too small.
"""

from array import array

import numpy as np

LEAST_PENDING = 1 << 16


class Distinct:
    """Grows by ``add``."""

    def __init__(self) -> None:
        self._hashes = np.empty(0, np.int64)  # sorted, each once
        self._pending = array("q")

    def add(self, value: str) -> None:
        self._pending.append(hash(value))
        if len(self._pending) >= max(LEAST_PENDING, len(self._hashes) // 2):
            self.hashes()

    def hashes(self) -> np.ndarray:
        """(value,) int64, sorted."""
        if self._pending:
            self._hashes = np.unique(np.concatenate([self._hashes, np.frombuffer(self._pending, np.int64)]))
            self._pending = array("q")
        return self._hashes

    def __len__(self) -> int:
        return len(self.hashes())

    def shared(self, other: "Distinct") -> int:
        """How many values are in both."""
        return len(np.intersect1d(self.hashes(), other.hashes(), assume_unique=True))

    def missing(self, hashes: np.ndarray) -> int:
        """How many of ``hashes`` (any number of times each) are not those of values in here."""
        return int((~np.isin(hashes, self.hashes())).sum())
