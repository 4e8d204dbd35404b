"""Peak memory of a training step on a CPU: this project beside Hugging Face and s3prl, a process each.

    .venv/bin/python bench/train_memory.py                       # base, pre-training, 30 s of audio: five minutes
    .venv/bin/python bench/train_memory.py --size small --task ctc

    .venv/bin/python bench/train_memory.py --long       # one utterance of five minutes, bfloat16 and checkpointing

Two steps with fused AdamW in float32; the peak resident set of the whole process, libraries included.
"""

import argparse
import resource
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from helpers.result import RESULTS, THREADS, header, tell

from espnet_bljust.markdown import row, table

WHO = ("ours", "Hugging Face", "s3prl")


def main(options: argparse.Namespace) -> None:
    """All of it; with ``--one`` the peak of one batch, in this process."""
    if options.one or options.long:
        batch = "long" if options.long else options.batch
        print(measure(options.one or "ours", options.size, options.task, batch, options.long))
        return
    tell(measured(options), options.out)


def measured(options: argparse.Namespace) -> Iterator[str]:
    """A row a batch."""
    heads = ["size", "task", "batch", *(f"{who}, GB" for who in WHO), "ours / Hugging Face", "ours / s3prl"]
    yield from [*header(1), *table(heads)]
    for batch in ("mixed", "like"):
        peaks = [int(subprocess.run(
            [sys.executable, __file__, "--one", who, "--size", options.size, "--task", options.task, "--batch", batch],
            check=True, stdout=subprocess.PIPE).stdout) for who in WHO]
        shares = [f"{100 * peaks[0] / peak:.0f} %" for peak in peaks[1:]]
        yield row([options.size, options.task, batch, *(f"{peak / 1e9:.2f}" for peak in peaks), *shares])


def measure(who: str, size: str, task: str, batch: str, long: bool) -> int:
    """Bytes; ``long`` takes bfloat16 and checkpointing, as one would on a GPU."""
    import torch
    from helpers.steps import BUILDERS
    from helpers.workload import BATCHES, make_workload, read_size

    warnings.filterwarnings("ignore")
    torch.set_num_threads(THREADS)
    step = BUILDERS[who](size, task, make_workload({**BATCHES, "long": (300.0,)}[batch], read_size(size)[0]),
                         **({"amp": True} if long else {}))
    if long:
        step.model.trunk.encoder.transformer.checkpointing = True
    for _ in range(2):
        step()
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="base")
    parser.add_argument("--task", default="ssl", choices=("ssl", "ctc"))
    parser.add_argument("--out", type=Path, default=RESULTS / "train_memory.md")
    parser.add_argument("--long", action="store_true", help="bytes of ours with an utterance of 300 s, nothing else")
    parser.add_argument("--one", choices=WHO, help=argparse.SUPPRESS)
    parser.add_argument("--batch", default="mixed", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main(get_parser().parse_args())
