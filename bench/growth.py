"""How the time of a pre-training step grows with the length of an utterance, and with their number: a figure.

    .venv/bin/python bench/growth.py           # size small, ours beside Hugging Face: ten minutes on two cores

Left: one utterance of 5 to 40 s. Right: 1 to 5 utterances whose lengths run from 2 to 15 s, so that padding grows with
the batch. CPU seconds per second of audio, one round after one warm-up; flat is linear growth.
"""

import argparse
import json
import statistics
import subprocess
import sys
import warnings
from pathlib import Path

from helpers.timing import ensure_settings, take_turns

from espnet_bljust.markdown import table

LENGTHS = (5, 10, 20, 40)  # seconds
BATCHES = ((15,), (15, 2), (15, 2, 4), (15, 2, 4, 6), (15, 2, 4, 6, 3))  # seconds
WHO = ("ours", "Hugging Face")


def main(options: argparse.Namespace) -> None:
    if options.one:
        print(json.dumps(seconds_per_second(options.size, options.one, options.rounds)))
        return
    by_length = [(seconds, in_process((seconds,), options)) for seconds in LENGTHS]
    by_batch = [(len(batch), in_process(batch, options)) for batch in BATCHES]
    for title, points in (("length, s", by_length), ("utterances", by_batch)):
        rows = ([place, *(f"{cost[who]:.3f}" for who in WHO)] for place, cost in points)
        print("\n".join(table([title, *(f"{who}, CPU s a second of audio" for who in WHO)], rows)))
    draw(by_length, by_batch, options)


def in_process(batch: tuple[int, ...], options: argparse.Namespace) -> dict[str, float]:
    """A process a point: the tuned allocator keeps what it has, and the points differ in shape."""
    words = [sys.executable, __file__, "--size", options.size, "--rounds", str(options.rounds), "--one"]
    done = subprocess.run([*words, *map(str, batch)], check=True, stdout=subprocess.PIPE)
    print(f"{batch} s: {done.stdout.decode().strip()}", flush=True)
    return json.loads(done.stdout)


def seconds_per_second(size: str, durations: tuple[float, ...], rounds: int) -> dict[str, float]:
    """CPU seconds of a step over seconds of audio."""
    import torch
    from helpers.steps import BUILDERS
    from helpers.workload import make_workload, read_size

    warnings.filterwarnings("ignore")
    torch.set_num_threads(2)
    load = make_workload(tuple(map(float, durations)), read_size(size)[0])
    seconds = take_turns({who: BUILDERS[who](size, "ssl", load) for who in WHO}, rounds)
    return {who: statistics.median(values) / sum(durations) for who, values in seconds.items()}


def draw(by_length: list, by_batch: list, options: argparse.Namespace) -> None:
    """Two panels with one scale."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    panels = ((axes[0], by_length, "one utterance, seconds"), (axes[1], by_batch, "utterances of 2 to 15 s in a batch"))
    for axis, points, label in panels:
        for who, marker in zip(WHO, "os", strict=True):
            axis.plot([place for place, _ in points], [cost[who] for _, cost in points], marker=marker, label=who)
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    axes[0].set_ylim(bottom=0)  # of both, once all is drawn
    axes[1].set_xticks([place for place, _ in by_batch])
    axes[0].set_ylabel("CPU seconds a second of audio")
    axes[0].legend()
    figure.suptitle(f"Pre-training step, size {options.size}, float32, two threads")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, dpi=110)
    print(options.out)


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="small")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "growth.png")
    parser.add_argument("--one", type=int, nargs="+", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    chosen = get_parser().parse_args()
    ensure_settings()
    main(chosen)
