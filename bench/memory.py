"""Peak memory of a joint training step on a CPU: what the trunks' bytes_per_frame estimates is measured here.

    .venv/bin/python bench/memory.py                    # tiny and small, two batches each, in a minute or two
    .venv/bin/python bench/memory.py small:10 small:40  # size:seconds of audio

Each case runs in a process of its own: three steps with AdamW on noise, half of it labelled; the peak resident set less
what Python and torch take before. The last line, of the wav2vec 2.0 trunks by least squares, is what
TrunkConfig.bytes_per_frame counts with: bytes a layer's unit and a feature.
"""

import argparse
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.markdown import row, table
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.planning.plan_report import BYTES_OF_STATE, Sizes
from espnet_bljust.planning.speed import UTTERANCE_SECONDS, noise_batch
from espnet_bljust.training.configuration import TrainingSettings
from espnet_bljust.units import SAMPLE_RATE

ROOT = Path(__file__).parents[1]
CASES = ("tiny:20", "tiny:80", "small:4", "small:16")
STEPS = 3


def main(cases: list[str]) -> None:
    """A row a case, then the fit."""
    rows = []
    print("\n".join(table(["size", "audio, s", "measured, GB", "estimated, GB"])))
    for case in cases:
        size, seconds = case.split(":")
        used = int(subprocess.run([sys.executable, __file__, "--one", case], check=True, capture_output=True).stdout)
        sizes = Sizes.of(settings_of(size).network.shape)
        print(row([size, seconds, f"{used / 1e9:.2f}", f"{sizes.memory_gb(float(seconds)):.2f}"]), flush=True)
        trunk = settings_of(size).network.shape.trunk
        if isinstance(trunk, TrunkConfig):
            frames = float(seconds) * SAMPLE_RATE / trunk.hop
            state = (sizes.theta + sizes.phi + sizes.eta) * BYTES_OF_STATE
            rows.append((frames * trunk.dim * trunk.num_layers, frames * trunk.feature_dim, used - state))
    if len(rows) > 1:
        points = np.array(rows)
        layer, extractor = np.linalg.lstsq(points[:, :2] / points[:, 2:], np.ones(len(rows)), rcond=None)[0]
        print(f"\n{layer:.0f} bytes a frame, layer and unit of its width, {extractor:.0f} a frame and feature")


def settings_of(size: str) -> TrainingSettings:
    """Of conf/size, with a small token list."""
    settings = read_yaml_keys(ROOT / f"conf/size/{size}.yaml")
    return TrainingSettings({**settings, "token_list": [str(index) for index in range(30)]})


def measure(size: str, seconds: str) -> int:
    """Bytes of the peak above what stood before the network."""
    import torch

    from espnet_bljust.network.joint import JointBatch, JointNetwork

    settings = settings_of(size)
    small = JointNetwork(TrunkConfig(conv_layers=((8, 400, 320),), dim=16, num_layers=1, num_heads=1, ffn_dim=16,
                                     pos_groups=1, pos_kernel=4), SSLConfig(), 30)
    step(small, torch.optim.AdamW(small.parameters()), JointBatch(pool=[], labelled=[torch.randn(SAMPLE_RATE)],
                                                                   labels=[torch.tensor([1, 2])]))
    before = resident("VmRSS")
    network = JointNetwork(*settings.network.shape)
    optimizer = torch.optim.AdamW(network.parameters())
    utterances = max(1, round(float(seconds) / UTTERANCE_SECONDS / 2))
    halves = [noise_batch(network, utterances, settings, pool=pool) for pool in (False, True)]
    labelled, pool = halves
    batch = replace(pool, labelled=labelled.labelled, labels=labelled.labels, labelled_mask=labelled.labelled_mask,
                    spectrum=labelled.spectrum, channels=labelled.channels, views=labelled.views)
    for _ in range(STEPS):
        step(network, optimizer, batch)
    return resident("VmHWM") - before


def step(network, optimizer, batch) -> None:
    """One update on F = f + g."""
    optimizer.zero_grad(set_to_none=True)
    sums = network(batch)
    (sums.ctc_sum + (network.self_supervised_sum(sums) if batch.pool else 0.0)).backward()
    optimizer.step()


def resident(field: str) -> int:
    """VmRSS, now, or VmHWM, at the peak; bytes."""
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    return 1024 * int(re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=CASES, help="size:seconds of audio")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(*options.one.split(":")))
    else:
        main(options.cases)
