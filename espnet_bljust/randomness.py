"""Seeds for every random choice, derived from what the choice is for and from nothing else."""

import hashlib

MOST_SEED = 2**32 - 1  # that numpy takes


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, e.g. ``derive_seed(0, "mask", epoch, utterance_id)``.

    The same on every machine, process and Python; never from the clock or a process id.
    """
    text = "\0".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
