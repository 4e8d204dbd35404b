"""What it costs to be able to stop at any step: the look at signals and clock, and a checkpoint.

    .venv/bin/python bench/stopping.py                 # a minute

The look is the trainer's own: the processes' wishes travel with the counts of a step, in one reduction that is there
anyhow. With and without them take turns, in one process and in two (gloo); microseconds of wall time a step, in the
fastest of the rounds, which other work on the machine disturbed least. A checkpoint: parameters and both moments of
the size, with its check when it is read.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from espnet2.train.distributed_utils import DistributedOption
from helpers.result import RESULTS, header, tell

from espnet_bljust.markdown import row, table
from espnet_bljust.network.joint import JointBatch
from espnet_bljust.training.micro_batch import MicroBatch
from espnet_bljust.training.processes import Processes
from espnet_bljust.training.saving import Position, Saver
from espnet_bljust.training.update import Updater
from espnet_bljust.weights.checkpoint import load_newest, save_checkpoint

ROUND_STEPS = 200
PARAMETERS = {"tiny": 2e6, "small": 20e6, "base": 95e6}


def measured(options: argparse.Namespace) -> Iterator[str]:
    """A row each."""
    yield from [*header(options.rounds), *table(["what", "with", "without"])]
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for world_size in (1, 2):
            found = multiprocessing.get_context("spawn").Queue()
            context = torch.multiprocessing.spawn(
                measure, (world_size, folder, options.rounds, found), nprocs=world_size, join=False)
            looking, plain = found.get()
            while not context.join():
                pass
            yield row([f"counts of a step, {world_size} process{'es' if world_size > 1 else ''}, microseconds",
                       f"{looking:.1f}", f"{plain:.1f}"])
        for size in options.sizes:
            yield checkpoint(size, folder)


def measure(rank: int, world_size: int, folder: Path, rounds: int, found: multiprocessing.Queue) -> None:
    """One process of them; the first reports."""
    torch.set_num_threads(1)
    option = DistributedOption(distributed=world_size > 1, dist_rank=rank, dist_world_size=world_size)
    if world_size > 1:
        torch.distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=world_size)
    processes = Processes(option)
    saver = Saver(folder, processes, shared={}, own={}, minutes=30)
    counter = Updater.__new__(Updater)  # of it the counting alone: no network
    counter.processes = processes
    batches = [MicroBatch([], JointBatch())] * 2

    def looking() -> None:
        *_, stop, late = counter.count(batches, *saver.wishes())
        saver.heed(stop, late, Position(0, {}))

    seconds = {each: [] for each in (looking, lambda: counter.count(batches))}
    for _ in range(rounds + 1):
        for each, times in seconds.items():
            times.append(seconds_of(each))
    if rank == 0:
        found.put([1e6 * min(times[1:]) for times in seconds.values()])
        time.sleep(1.0)  # for the queue to be read
    if world_size > 1:
        torch.distributed.destroy_process_group()


def seconds_of(step: Callable[[], object]) -> float:
    """Of one call, over many."""
    started = time.perf_counter()
    for _ in range(ROUND_STEPS):
        step()
    return (time.perf_counter() - started) / ROUND_STEPS


def checkpoint(size: str, folder: Path) -> str:
    """A second checkpoint, so that the first one is kept: seconds to write it and to read and check it."""
    count = int(PARAMETERS[size])
    state = {name: torch.randn(count) for name in ("weight", "first_moment", "second_moment")}
    save_checkpoint(state, folder)
    started = time.perf_counter()
    save_checkpoint(state, folder)
    written = time.perf_counter()
    load_newest(folder)
    read = time.perf_counter()
    gigabytes = (folder / "checkpoint.pth").stat().st_size / 1e9
    return row([f"checkpoint of {size}, {gigabytes:.2f} GB, seconds", f"to write, on the disk: {written - started:.1f}",
                f"to read and check: {read - written:.1f}"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--sizes", nargs="*", choices=tuple(PARAMETERS), default=["tiny", "small"])
    parser.add_argument("--folder", type=Path, help="where checkpoints are written (default: the temporary folder)")
    parser.add_argument("--out", type=Path, default=RESULTS / "stopping.md")
    chosen = parser.parse_args()
    tell(measured(chosen), chosen.out)
