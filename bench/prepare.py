"""What preparation costs for a corpus of a million utterances: CPU seconds and memory, nothing decoded.

    .venv/bin/python bench/prepare.py                                   # every layout, 1,000,000 utterances
    .venv/bin/python bench/prepare.py --layouts table --utterances 50000

Stage 1 of LibriSpeech, Common Voice, a user's table and folder, and AISHELL; stages 4, 5 and 6 on what stage 3 makes
(layout dump). The trees (layouts.py) are made first and not counted. Each step runs in a process of its own, as stages
do. Memory is the peak above that of the same step with FEW utterances, per further utterance.
"""

import argparse
import os
import resource
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

from helpers.layouts import LAYOUTS, RUN

from espnet_bljust.markdown import row

FEW = 1000
HERE = Path(__file__).resolve()
DUMP_STEPS = {  # stage -> command of bin, and its words in the folder
    "stage 4": ("filter_data", "--train_set train --unlabelled_sets unlabelled --valid_set dev --test_sets test"),
    "stage 5": ("make_tokens", "--text dump/raw/train_labelled/text --out_dir data/tokens --token_type char"),
    "stage 6": ("data_report", "--sets train_labelled:train_pool:dev:test --token_list data/tokens/tokens.txt "
                "--token_type char --out_dir data/report"),
}  # fmt: skip
STEPS = {
    "librispeech": ["stage 1", "check_data"],
    **dict.fromkeys(RUN, ["stage 1"]),
    "dump": list(DUMP_STEPS),
}


def main(options: argparse.Namespace) -> None:
    if options.step:
        step(options.layouts[0], options.step, options.folder)
        return
    for layout in options.layouts:
        folders = {}
        for count in (FEW, options.utterances):
            begun = time.monotonic()
            folders[count] = options.folder.absolute() / f"{layout}{count}"
            folders[count].mkdir(parents=True)
            LAYOUTS[layout](folders[count], count)
            print(f"{layout}: {count} utterances made in {time.monotonic() - begun:.0f} s", flush=True)
        for name in STEPS[layout]:
            _, _, base = measure(layout, name, folders[FEW])
            seconds, cpu, peak = measure(layout, name, folders[options.utterances])
            print(row([layout, name, f"{seconds:.0f}", f"{cpu:.0f}", f"{options.utterances / cpu:,.0f}",
                       f"{(peak - base) / (options.utterances - FEW):.0f}", f"{base / 1e6:.0f}"]), flush=True)
        if not options.keep:
            shutil.rmtree(options.folder)


def measure(layout: str, name: str, folder: Path) -> tuple[float, float, int]:
    """Seconds, CPU seconds and peak bytes of one step in a process of its own."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(HERE), "--folder", str(folder), "--layouts", layout, "--step", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - begun, cpu, int(done.stdout.split()[-1])


def step(layout: str, name: str, folder: Path) -> None:
    """Run one step in ``folder``; the last word printed is the peak of resident memory in bytes."""
    if layout in RUN:
        recipe, words = RUN[layout]
        script = HERE.parents[1] / "egs2" / recipe / "bljust/local/data.py"
        sys.argv = [str(script), *words.replace("{}", str(folder)).split()]
        sys.path.insert(0, str(script.parent))
        runpy.run_path(str(script), run_name="__main__")
    elif layout == "dump":
        command, words = DUMP_STEPS[name]
        sys.argv = [command, *(word.replace(":", " ") for word in words.split())]
        runpy.run_module(f"espnet_bljust.bin.{command}", run_name="__main__")
    else:
        librispeech(name, folder)
    print(peak_bytes())


def librispeech(name: str, folder: Path) -> None:
    from espnet_bljust.bin import check_data
    from espnet_bljust.data.corpus.librispeech import Source
    from espnet_bljust.data.corpus.librispeech_sets import make_sets

    data, part = folder / "data", folder / "LibriSpeech" / "train-big"
    if name == "stage 1":
        data.mkdir()
        print(make_sets(data, {"train": [Source(part, "train-big", folder / "SPEAKERS.TXT")]}, training=["train"]))
    else:
        check_data.main(check_data.get_parser().parse_args([str(data / "train"), "--require_text", "true"]))


def peak_bytes() -> int:
    """Most resident memory of this process; ru_maxrss would be that of the process which started it, where larger."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=1_000_000)
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--folder", type=Path, default=Path("bench_prepare.tmp"), help="made here, and removed")
    parser.add_argument("--keep", action="store_true", help="leave the folder")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(parser.parse_args())
