"""Speed of a training step on a CPU: this project against Hugging Face and s3prl, in one process, taking turns.

    .venv/bin/python bench/train_step.py                          # all of it: about half an hour on two cores
    .venv/bin/python bench/train_step.py --sizes small --batches mixed --tasks ssl --rounds 2

A step is forward, backward and fused AdamW over 30 s of audio in float32, dropout 0, two threads. CPU seconds,
medians of the rounds after one warm-up; ratios are medians of the rounds' ratios. Writes a table in Markdown.
"""

import argparse
import statistics
import warnings
from collections.abc import Iterator
from pathlib import Path

from helpers.result import RESULTS, THREADS, header, tell
from helpers.timing import ensure_settings, median_ratio, take_turns

from espnet_bljust.markdown import row, table

COLUMNS = ("size", "task", "batch", "ours, s", "Hugging Face / ours", "s3prl / ours", "TFLOP", "matrix share")


def measured(options: argparse.Namespace) -> Iterator[str]:
    """One table of ratios, one of our parts."""
    import torch
    from helpers.workload import BATCHES, make_workload, read_size

    warnings.filterwarnings("ignore")
    torch.set_num_threads(THREADS)
    yield from [*header(options.rounds), *table(COLUMNS)]
    for size in options.sizes:
        for batch in options.batches:
            load = make_workload(BATCHES[batch], read_size(size)[0])
            for task in options.tasks:
                yield compare(size, task, batch, load, options)
    if not options.amp:
        yield from ["", *parts_table(options)]


def compare(size: str, task: str, batch: str, load, options: argparse.Namespace) -> str:
    """One row: everybody's step, and plain matrix products of the step's shapes, in turns."""
    import torch
    from helpers.flops import matrix_products
    from helpers.steps import BUILDERS
    from helpers.workload import read_size

    from espnet_bljust.network.flops import count_flops

    torch.manual_seed(0)
    names = ["ours", *(name for name in options.peers if task != "joint" and not (options.amp and name == "s3prl"))]
    precision = {"amp": True} if options.amp else {}
    steps = {name: BUILDERS[name](size, task, load, **precision) for name in names}
    trunk = read_size(size)[0]
    rows = sum(len(mask) for mask in load.masks)
    products, product_flops = matrix_products([
        (rows, trunk.dim, trunk.ffn_dim), (rows, trunk.ffn_dim, trunk.dim), (rows, trunk.dim, trunk.dim),
        (2048, 1024, 512), (2048, 512, 512)], torch.bfloat16 if options.amp else torch.float32)
    flops = count_flops(steps["ours"])
    if task == "joint":
        steps["ssl"] = BUILDERS["ours"](size, "ssl", load, **precision)
    seconds = take_turns({**steps, "products": products}, options.rounds)
    mine = seconds["ours"]
    rate = product_flops / statistics.median(seconds["products"])
    ratios = [f"{median_ratio(mine, seconds[name]):.2f}" if name in seconds else ""
              for name in ("Hugging Face", "s3prl")]
    if task == "joint":
        task = f"joint: {1 / median_ratio(mine, seconds['ssl']):.2f} of ssl"
    share = flops / rate / statistics.median(mine)
    return row([size, task, batch, f"{statistics.median(mine):.2f}", *ratios, f"{flops / 1e12:.2f}",
                f"{100 * share:.0f} % at {rate / 1e9:.0f} GFLOP/s"])


def parts_table(options: argparse.Namespace) -> list[str]:
    """Shares of a pre-training step, by size and batch."""
    from helpers.parts import split
    from helpers.workload import BATCHES, make_workload, read_size

    lines = []
    for size in options.sizes:
        for batch in options.batches:
            seconds = split(size, make_workload(BATCHES[batch], read_size(size)[0]), options.rounds)
            median = {name: statistics.median(values) for name, values in seconds.items()}
            whole = median.pop("step")
            if not lines:
                lines += table(["size", "batch", *median, "rest"])
            shares = [value / whole for value in median.values()]
            lines.append(row([size, batch, *(f"{100 * share:.1f} %" for share in (*shares, 1 - sum(shares)))]))
    return lines


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["small", "base"], help="names of conf/size")
    parser.add_argument("--tasks", nargs="+", default=["ssl", "ctc", "joint"], choices=("ssl", "ctc", "joint"))
    parser.add_argument("--batches", nargs="+", default=["mixed", "like"], choices=("mixed", "like"),
                        help="2, 3, 4, 6 and 15 s; or four times 7.5 s")
    parser.add_argument("--peers", nargs="*", default=["Hugging Face", "s3prl"])
    parser.add_argument("--amp", action="store_true",
                        help="forward passes under bfloat16 autocast; without s3prl, whose pre-training fails there")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "train_step.md")
    return parser


if __name__ == "__main__":
    chosen = get_parser().parse_args()
    ensure_settings()
    tell(measured(chosen), chosen.out)
