"""What stage 1 costs for a corpus of a million utterances: CPU seconds and memory, nothing decoded.

    .venv/bin/python bench/prepare.py                    # 1,000,000 utterances in LibriSpeech's layout
    .venv/bin/python bench/prepare.py --utterances 50000

The tree is made first and not counted: real folders, transcripts and names; the audio is hard links to a few FLAC files
of one frame, since preparation reads the ends of each file only. Each step then runs in a process of its own, as stages
do, and reports utterances a CPU second and its peak memory above that of an empty step, per utterance.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

CHAPTER = 40  # utterances of a chapter
CHAPTERS = 10  # of a speaker
LINKS = 50_000  # of one file; ext4 allows 65,000
STEPS = ("empty", "make_sets", "check_data")
WORDS = "THE SAME WORDS AS MANY AS LIBRISPEECH HAS IN ONE OF ITS SENTENCES IN THE MEAN WHICH ARE ABOUT THIRTY FOUR"


def main(options: argparse.Namespace) -> None:
    if options.step:
        step(options.step, options.folder)
        return
    made = make_tree(options.folder, options.utterances)
    print(f"{options.utterances} utterances made in {made:.0f} s", flush=True)
    _, base = measure("empty", options.folder)
    for name in STEPS[1:]:
        begun = time.monotonic()
        cpu, peak = measure(name, options.folder)
        print(f"{name}: {time.monotonic() - begun:.1f} s, {cpu:.1f} CPU s, {options.utterances / cpu:.0f} utt/s/core, "
              f"{(peak - base) / options.utterances:.0f} bytes/utt above {base / 1e6:.0f} MB", flush=True)  # fmt: skip
    if not options.keep:
        shutil.rmtree(options.folder)


def make_tree(folder: Path, utterances: int) -> float:
    """LibriSpeech/train-big of ``utterances``; the seconds that took."""
    begun = time.monotonic()
    part = folder / "LibriSpeech" / "train-big"
    source = folder / "one.flac"
    part.mkdir(parents=True)
    for start in range(0, utterances, CHAPTER):
        if start % LINKS == 0:
            source.unlink(missing_ok=True)
            soundfile.write(source, np.zeros(4096, np.int16), 16000)
        speaker, chapter = str(start // (CHAPTER * CHAPTERS) + 1), str(start // CHAPTER + 100_000)
        place = part / speaker / chapter
        place.mkdir(parents=True)
        stem = f"{speaker}-{chapter}"
        ids = [f"{stem}-{number:04d}" for number in range(min(CHAPTER, utterances - start))]
        for utterance in ids:
            os.link(source, place / f"{utterance}.flac")
        (place / f"{stem}.trans.txt").write_text("".join(f"{utterance} {WORDS}\n" for utterance in ids))
    return time.monotonic() - begun


def measure(name: str, folder: Path) -> tuple[float, int]:
    """CPU seconds and peak bytes of one step in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, __file__, "--folder", str(folder), "--step", name], check=True,
                          stdout=subprocess.PIPE, text=True)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, int(done.stdout.split()[-1])


def step(name: str, folder: Path) -> None:
    """Run one step here; the last word printed is the peak of resident memory in bytes."""
    from espnet_bljust.bin import check_data
    from espnet_bljust.data.librispeech import Source
    from espnet_bljust.data.librispeech_sets import make_sets

    data, part = folder / "data", folder / "LibriSpeech" / "train-big"
    if name == "make_sets":
        data.mkdir()
        print(make_sets(data, {"train": [Source(part, "train-big", folder / "SPEAKERS.TXT")]}, training=["train"]))
    if name == "check_data":
        check_data.main(check_data.get_parser().parse_args([str(data / "train"), "--require_text", "true"]))
    print(peak_bytes())


def peak_bytes() -> int:
    """Most resident memory of this process; ru_maxrss would be that of the process which started it, where larger."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("bench_prepare.tmp"), help="made here, and removed")
    parser.add_argument("--keep", action="store_true", help="leave the folder")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    main(parser.parse_args())
