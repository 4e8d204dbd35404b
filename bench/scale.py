"""Pools of millions: what stage 7 and the start of training cost, in time and in memory of every process.

    .venv/bin/python bench/scale.py --entries 10000000      # 2 GB of disk; a quarter of an hour on two cores
    .venv/bin/python bench/scale.py --entries 200000 --today 50000

The pool has real tables of so many utterances of 10 s; their audio is 256 recordings in an archive as stage 3 writes
it, under the names of 32 parts. Each measurement is a process of its own: stage 7, then what stage 9 does up to its
first steps (87.5 s labelled and as much of the pool, a worker each), but for the network. `whole` is the path of small
pools, at a size it bears, `shards` that of large ones. Memory is PSS, where what processes share counts once, of the
training process and both workers, above that of the training process before it saw any data; without the batches on
their way between them, of which there are more when nobody waits for them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from helpers.result import RESULTS, header, tell
from loading import ROOT, TRAIN, UTTERANCE_SECONDS

from espnet_bljust.markdown import row, table
from espnet_bljust.units import SAMPLE_RATE

RECORDINGS = 256
PARTS = 32
COLD_UTTERANCES, COLD_BYTES = 8192, 150_000  # a window of shards, and what 10 s of FLAC take
COLUMNS = ("path", "utterances", "stage 7: CPU s (s)", "MB", "first step: CPU s (s)", "MB", "MB in the last step",
           "steps/s", "audio h a CPU second")  # fmt: skip


def main(options: argparse.Namespace) -> None:
    """All of it; with ``--step`` one step of it, in a process of its own."""
    if options.step:
        print(json.dumps({"stage7": stage7, "load": load}[options.step](options)))
        return
    options.folder = options.folder.resolve()
    if options.folder.exists():
        sys.exit(f"{options.folder}: exists. Remove it, or give another --folder.")
    try:
        tell(measured(options), options.out)
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)


def measured(options: argparse.Namespace) -> Iterator[str]:
    """A row a path and size, then their ratio."""
    yield from [*header(1), *table(COLUMNS)]
    entries = make_audio(options.folder)
    for count, path in ((options.today, "whole"), (options.today, "shards"), (options.entries, "shards")):
        make_pool(options.folder / f"pool{count}", entries, count)
        yield row_of(path, count, measure(path, count, options))
    yield from ["", cold(options.folder / "cold")]


def make_audio(folder: Path) -> list[tuple[str, int]]:
    """Labelled and dev sets, and the pool's recordings; (part, offset) of each recording in each part."""
    from espnet_bljust.data.preparation.format import FormatOptions, _ArchiveWriter

    rng = np.random.default_rng(0)
    samples = int(UTTERANCE_SECONDS * SAMPLE_RATE)
    first = folder / "audio" / "format.1"
    first.mkdir(parents=True)
    with _ArchiveWriter(first, first, FormatOptions("flac.ark")) as write:
        entries = []
        for index in range(RECORDINGS):
            wave = np.convolve(rng.standard_normal(samples), np.ones(8) / 80, "same")
            entries.append(write(f"r{index:04d}", np.rint(wave * 32767).clip(-32768, 32767).astype(np.int16)))
    offsets = [int(entry.rpartition(":")[2]) for entry in entries]
    for part in range(2, PARTS + 1):
        (folder / "audio" / f"format.{part}").mkdir()
        os.link(first / "data.ark", folder / "audio" / f"format.{part}" / "data.ark")
    for name, count in (("labelled", 60), ("dev", 2)):
        write_tables(folder / name, [(f"{name}-{index:04d}", entries[index]) for index in range(count)])
        (folder / name / "text").write_text("".join(f"{name}-{index:04d} ABC\n" for index in range(count)))
    (folder / "train.yaml").write_text(TRAIN)
    (folder / "tokens.txt").write_text("\n".join(["<blank>", "<unk>", "<space>", *"ABCDE", "<sos/eos>"]) + "\n")
    return [(f"{folder}/audio/format.{part}/data.ark", offset) for part in range(1, PARTS + 1) for offset in offsets]


def write_tables(folder: Path, rows) -> None:
    """wav.scp and utt2num_samples of (utterance, entry), a row in memory at a time."""
    folder.mkdir()
    samples = int(UTTERANCE_SECONDS * SAMPLE_RATE)
    with (folder / "wav.scp").open("w") as wavs, (folder / "utt2num_samples").open("w") as lengths:
        for utterance, entry in rows:
            wavs.write(f"{utterance} {entry}\n")
            lengths.write(f"{utterance} {samples}\n")


def make_pool(folder: Path, entries: list[tuple[str, int]], count: int) -> None:
    """Tables of ``count`` utterances, each part's in the order of its recordings, over and over."""
    if folder.exists():
        return

    def rows():
        for index in range(count):
            path, offset = entries[index * PARTS // count * RECORDINGS + index % RECORDINGS]
            yield f"speaker{index // 400:06d}-book{index // 40:07d}-{index:08d}", f"{path}:{offset}"

    write_tables(folder, rows())


def measure(path: str, count: int, options: argparse.Namespace) -> dict:
    """Stage 7 and loading, each in a process of its own."""
    found = {}
    for step in ("stage7", "load"):
        words = [sys.executable, __file__, "--folder", options.folder, "--step", step, "--path", path]
        words += ["--entries", count, "--batches", options.batches]
        done = subprocess.run(list(map(str, words)), check=True, stdout=subprocess.PIPE, text=True)
        found |= json.loads(done.stdout.splitlines()[-1])
    return found


def row_of(path: str, count: int, found: dict) -> str:
    """A row of the table."""
    return row([
        path, f"{count:,}", "{stage7_cpu:.1f} ({stage7_seconds:.1f})", "{stage7_mb:.0f}",
        "{first_cpu:.2f} ({first_seconds:.2f})", "{first_mb:.0f}", "{last_mb:.0f}", "{steps_per_second:.2f}",
        "{hours_per_cpu_second:.2f}"]).format(**found)  # fmt: skip


def stage7(options: argparse.Namespace) -> dict:
    """Seconds and peak memory of stage 7 above an empty one's: the pool alone, not the network's speed."""
    from espnet_bljust.bin import plan
    from espnet_bljust.planning import prepare

    prepare.measure = lambda *_: plan_rates()
    words = ["--config", "train.yaml", "--size_config", ROOT / "conf/size/tiny.yaml", "--exp_dir", exp_of(options),
             "--train_dir", "labelled", "--pool_dir", f"pool{options.entries}", "--valid_dir", "dev",
             "--token_list", "tokens.txt", "--token_type", "char",
             "--set", f"unlabelled_shards_from={1 if options.path == 'shards' else 10**12}"]  # fmt: skip
    os.chdir(options.folder)
    import espnet_bljust.training.masks  # noqa: F401  (the libraries, before the clock starts)

    before, started, cpu = peak_mb(), time.perf_counter(), time.process_time()
    plan.main(plan.get_parser().parse_args(list(map(str, words))))
    return {"stage7_cpu": time.process_time() - cpu, "stage7_seconds": time.perf_counter() - started,
            "stage7_mb": peak_mb() - before}


def plan_rates():
    """In the place of a measurement that has nothing to do with the pool."""
    from espnet_bljust.planning.speed import Rates

    return Rates(0.1, 0.1)


def exp_of(options: argparse.Namespace) -> Path:
    return Path(f"exp_{options.path}{options.entries}")


def load(options: argparse.Namespace) -> dict:
    """What stage 8 does before and in its first steps, but for the network."""
    os.chdir(options.folder)
    from espnet2.train.distributed_utils import DistributedOption

    from espnet_bljust.espnet.task import BLJustTask

    args = BLJustTask.get_parser().parse_args(["--config", f"{exp_of(options)}/train.yaml", "--output_dir",
                                                str(exp_of(options)), "--num_workers", "1"])
    BLJustTask.build_model(args)
    before, started, cpu = memory_mb(), time.perf_counter(), cpu_seconds()
    steps = BLJustTask.build_iter_factory(args, DistributedOption(), "train").steps(2, 2 + options.batches)
    next(steps)
    found = {"first_seconds": time.perf_counter() - started, "first_cpu": cpu_seconds() - cpu,
             "first_mb": memory_mb() - before}
    started, cpu, samples = time.perf_counter(), cpu_seconds(), 0
    for _ in range(options.batches - 1):  # not the last, so that the workers still live when their memory is looked at
        samples += sum(len(wave) for batch in next(steps) for wave in [*batch.joint.labelled, *batch.joint.pool])
    return found | {"last_mb": memory_mb() - before,
                    "steps_per_second": (options.batches - 1) / (time.perf_counter() - started),
                    "hours_per_cpu_second": samples / SAMPLE_RATE / 3600 / (cpu_seconds() - cpu)}


def cold(folder: Path) -> str:
    """One window read in the order of its batches from an archive that is in no cache: as it comes, and asked for."""
    from espnet_bljust.data.feeding.pool_index import write_index

    path = folder / "data.ark"
    folder.mkdir()
    content = np.random.default_rng(0).bytes(64 * COLD_BYTES)
    with path.open("wb") as file:
        for _ in range(COLD_UTTERANCES // 64):
            file.write(content)
        os.fsync(file.fileno())
    write_tables(folder / "pool", [(f"u{number:05d}", f"{path}:{number * COLD_BYTES}")
                                   for number in range(COLD_UTTERANCES)])  # fmt: skip
    index = write_index(folder / "pool", folder / "pool.index")
    order, rates = np.random.default_rng(1).permutation(COLD_UTTERANCES).tolist(), []
    for asked in (False, True):
        with path.open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            started = time.perf_counter()
            for first in range(0, COLD_UTTERANCES if asked else 0, 64):
                index.expect(first, first + 64)
            for number in order:
                file.seek(int(index.entry(number)[1].rpartition(":")[2]))
                file.read(COLD_BYTES)
        rates.append(COLD_UTTERANCES * COLD_BYTES / 1e6 / (time.perf_counter() - started))
    return (f"A window of {COLD_UTTERANCES} utterances from the disk, nothing of it in memory:\n{rates[0]:.0f} MB/s "
            f"utterance by utterance, {rates[1]:.0f} MB/s asked for by shards.")


def children() -> list[int]:
    return [int(word) for word in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def memory_mb() -> float:
    """Proportional set size of this process and its workers, but for shared memory."""
    rows = [row.split() for process in [os.getpid(), *children()]
            for row in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()]
    return sum(int(row[1]) for row in rows if row[0] in ("Pss_Anon:", "Pss_File:")) / 1024


def peak_mb() -> float:
    """Most resident memory of this process; ru_maxrss would be that of the process which started it, where larger."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def cpu_seconds() -> float:
    """Of this process and its workers."""
    ticks = os.sysconf("SC_CLK_TCK")
    fields = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in children()]
    return time.process_time() + sum((int(each[11]) + int(each[12])) / ticks for each in fields)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000_000, help="utterances of the large pool")
    parser.add_argument("--today", type=int, default=1_000_000, help="utterances that both paths are measured with")
    parser.add_argument("--batches", type=int, default=60, help="loaded for the rate")
    parser.add_argument("--folder", type=Path, default=Path("bench_scale.tmp"), help="made here, and removed")
    parser.add_argument("--out", type=Path, default=RESULTS / "scale.md")
    parser.add_argument("--step", choices=("stage7", "load"), help=argparse.SUPPRESS)
    parser.add_argument("--path", default="", help=argparse.SUPPRESS)
    main(parser.parse_args())
