"""How often published trainings of this kind passed over their audio, and when a plan is far from all of them.

    passes = updates x audio of an update / hours of the set
wav2vec 2.0 as fairseq's configurations have it (examples/wav2vec/config, upper bounds: their batches count padding):
fine-tuning base_{10m,1h,10h,100h,960h}.yaml, 13,000 to 320,000 updates of 8 x 200 s; pre-training
wav2vec2_base_librispeech.yaml, 400,000 updates of 64 x 87.5 s, and wav2vec2_large_librivox.yaml, 1,000,000 of
128 x 75 s. The fewer hours, the more passes; between the amounts the line is straight in logarithms, and level beyond.
"""

import numpy as np

UPDATE_HOURS = {"labelled": 8 * 200 / 3600, "base": 64 * 87.5 / 3600, "large": 128 * 75 / 3600}
PEERS = {  # hours of the set, passes
    "labelled": [(hours, updates * UPDATE_HOURS["labelled"] / hours) for hours, updates in (
        (1 / 6, 13_000), (1, 13_000), (10, 20_000), (100, 80_000), (960, 320_000))],
    "pool": [(960, 400_000 * UPDATE_HOURS["base"] / 960), (60_000, 1_000_000 * UPDATE_HOURS["large"] / 60_000)],
}
FAR = 3.0  # times the peers' passes


def peers_passes(kind: str, hours: float) -> float:
    """Of wav2vec 2.0 over so many hours; ``kind``: labelled or pool."""
    amounts, passes = np.log(np.array(PEERS[kind]).T)
    return float(np.exp(np.interp(np.log(max(hours, 1e-9)), amounts, passes)))


def warning(kind: str, hours: float, passes: float) -> str:
    """What to say of a plan's passes; nothing within the range."""
    peers = peers_passes(kind, hours)
    if passes > FAR * peers:
        return (f"WARNING: {passes:,.0f} passes over {hours:.2f} h {kind}, where wav2vec 2.0 took about {peers:,.0f}: "
                "fewer steps, or smaller batches, will do")
    if 0 < passes < 1:
        return f"WARNING: {passes:.2f} passes over {hours:.2f} h {kind}: {1 - passes:.0%} of it is never heard"
    return ""
