"""A small conformer on a CPU: seconds of audio a CPU second trains on, by batch, beside ESPnet's encoder and the bound.

    .venv/bin/python bench/small.py                     # five minutes on two cores
    .venv/bin/python bench/small.py --before ../before  # also the whole step of another checkout's code and sizes

Passes are forward and backward over the same log-mel features, subsampling and blocks of equal size, with the size's
dropouts; ESPnet has its own, dense subsampling, and pads. The whole step is ours from audio to fused AdamW, with CTC.
Products: its share at the rate that this machine's products of the same shapes have in the same rounds. CPU seconds,
medians of the rounds after one warm-up, taking turns; writes a table in Markdown.
"""

import argparse
import os
import statistics
import subprocess
import sys
import warnings
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from helpers.result import RESULTS, THREADS, header, tell
from helpers.timing import ensure_settings, median_ratio, take_turns

from espnet_bljust.markdown import row, table
from espnet_bljust.units import SAMPLE_RATE

COLUMNS = ("size", "utterances", "audio of a batch, s", "ours, s / CPU s", "ESPnet, s / CPU s", "ours / ESPnet",
           "whole step, s / CPU s", "products")
PATTERN = {"mixed": (2.0, 3.0, 4.0, 6.0, 10.0, 2.5, 3.5, 5.0, 4.0), "like": (5.0,)}  # seconds of utterances
COMPARED = 40.0  # seconds of the batch that is compared with another checkout


def measured(options: argparse.Namespace) -> Iterator[str]:
    """A row a size, kind of batch and seconds; then what ESPnet reaches at its best, and the checkout before."""
    import torch

    warnings.filterwarnings("ignore")
    torch.set_num_threads(THREADS)
    yield from [*header(options.rounds, packages=("torch", "espnet")), *table(list(COLUMNS))]
    for size in options.sizes:
        best = {"ours": 0.0, "ESPnet": 0.0}
        for kind in PATTERN:
            for audio in options.seconds:
                seconds, flops, rate = turns(size, kind, audio, options.rounds)
                speed = {name: audio / statistics.median(each) for name, each in seconds.items()}
                best = {name: max(speed[name], best[name]) for name in best}
                yield row([size, kind, f"{audio:g}", f"{speed['ours']:.0f}", f"{speed['ESPnet']:.0f}",
                           f"{median_ratio(seconds['ours'], seconds['ESPnet']):.2f}", f"{speed['step']:.0f}",
                           f"{100 * flops * speed['step'] / audio / rate:.0f} % at {rate / 1e9:.0f} GFLOP/s"])
        yield from ["", f"{size}, each at its best batch: {best['ours']:.0f} and {best['ESPnet']:.0f} seconds of audio "
                    f"a CPU second, {best['ours'] / best['ESPnet']:.2f} times ESPnet's."]
    if options.before:
        yield from compared(options)


def utterances(kind: str, audio: float) -> list[int]:
    """Samples of each utterance: the pattern over and over, the last one cut."""
    samples, left = [], int(audio * SAMPLE_RATE)
    for duration in cycle(PATTERN[kind]):
        samples.append(min(left, int(duration * SAMPLE_RATE)))
        left -= samples[-1]
        if left < SAMPLE_RATE:
            return samples


def turns(size: str, kind: str, audio: float, rounds: int) -> tuple[dict[str, list[float]], int, float]:
    """CPU seconds of the rounds by name, the whole step's operations, and the machine's operations a second."""
    import torch
    from helpers.conformers import config_of, espnets, ours, whole_step
    from helpers.flops import matrix_products

    from espnet_bljust.network.flops import count_flops
    from espnet_bljust.network.log_mel_config import mel_frames

    torch.manual_seed(0)
    config, samples = config_of(size), utterances(kind, audio)
    mels = [torch.randn(mel_frames(count), config.num_mels) for count in samples]
    rows = sum(map(config.num_frames, samples))
    products, operations = matrix_products([
        (rows, config.dim, config.ffn_dim), (rows, config.ffn_dim, config.dim), (rows, config.dim, config.dim)] * 4)
    step = whole_step(size, samples)
    seconds = take_turns({"ours": ours(config, mels, samples), "ESPnet": espnets(config, mels), "step": step,
                          "products": products}, rounds)
    return seconds, count_flops(step), operations / statistics.median(seconds.pop("products"))


def compared(options: argparse.Namespace) -> Iterator[str]:
    """A line a size: whole steps in processes of their own, which take turns."""
    here = Path(__file__).parents[1]
    for size in options.sizes:
        found: dict[Path, list[float]] = {here: [], options.before: []}
        for _ in range(options.rounds):
            for folder, seconds in found.items():
                command = [sys.executable, __file__, "--sizes", size, "--rounds", "3", "--one"]
                done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(folder.resolve())}, check=True,
                                      capture_output=True, text=True)
                seconds.append(float(done.stdout))
        mine, theirs = found.values()
        yield from ["", f"{size}, a whole step over {COMPARED:g} s of mixed utterances: {statistics.median(mine):.3f} "
                    "CPU seconds;", f"of the checkout before {statistics.median(theirs):.3f}, "
                    f"{median_ratio(mine, theirs):.2f} times as many."]


def one(options: argparse.Namespace) -> float:
    """CPU seconds of a whole step by the code that PYTHONPATH names."""
    import torch
    from helpers.conformers import whole_step

    torch.set_num_threads(THREADS)
    step = whole_step(options.sizes[0], utterances("mixed", COMPARED))
    return statistics.median(take_turns({"step": step}, options.rounds)["step"])


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["conformer_small"], help="names of conf/size")
    parser.add_argument("--seconds", nargs="+", type=float, default=[10.0, 20.0, 40.0, 80.0], help="of a batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=Path, help="another checkout")
    parser.add_argument("--one", action="store_true", help="print the seconds of one whole step alone")
    parser.add_argument("--out", type=Path, default=RESULTS / "small.md")
    return parser


if __name__ == "__main__":
    chosen = get_parser().parse_args()
    ensure_settings()
    if chosen.one:
        print(one(chosen))
    else:
        tell(measured(chosen), chosen.out)
