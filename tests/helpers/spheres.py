"""NIST SPHERE files as bytes, written from the format's description: no library here writes them."""

import numpy as np


def sphere(samples, rate=16000, coding="pcm"):
    """``samples``: (sample,) int16, or how many of a ramp."""
    samples = np.arange(samples, dtype=np.int16) if isinstance(samples, int) else samples
    fields = f"sample_count -i {len(samples)}\nsample_rate -i {rate}\nchannel_count -i 1\nsample_n_bytes -i 2\n"
    fields += f"sample_byte_format -s2 01\nsample_sig_bits -i 16\nsample_coding -s{len(coding)} {coding}\nend_head\n"
    return f"NIST_1A\n   1024\n{fields}".encode().ljust(1024) + samples.astype("<i2").tobytes()
