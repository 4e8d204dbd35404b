"""What this machine and this environment offer: versions, CPU, GPU, disk, optional tools, and what is missing.

Imports nothing heavy: versions are read from package metadata, the GPU from nvidia-smi.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from espnet_bljust import __version__

NEEDED = ("torch", "espnet", "numpy", "soundfile", "kaldiio", "sentencepiece", "tensorboard", "matplotlib")
USEFUL = ("torchaudio", "espnet-model-zoo", "huggingface-hub", "espeakng-loader", "transformers",
          "espnet-s3prl", "pytest")
TOOLS = {
    "sclite": "only to compare our counts with NIST's: apt-get install sctk",
    "lmplz": "only for n-gram language models of huge texts (--use_ngram true): build kenlm",
    "sbatch": "only for jobs on a Slurm cluster",
    "ffmpeg": "only for audio that soundfile cannot read: apt-get install ffmpeg",
}
LEAST_FREE_GB = 3  # a run of egs2/mini stays under this


class Finding(NamedTuple):
    mark: str  # "ok", "--" for an optional thing that is absent, "!!" for one that must be mended
    what: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """All of them, in the order in which they are told."""
    yield from machine()
    yield from gpus()
    yield from packages()
    yield from tools()


def machine() -> Iterator[Finding]:
    """Python, cores, memory and disk."""
    version = platform.python_version()
    fit = (3, 12) <= sys.version_info[:2] <= (3, 13)
    yield Finding("ok" if fit else "!!", f"espnet_bljust {__version__} on Python {version}, {platform.system()}",
                  "" if fit else "run ./setup.sh, which finds Python 3.12 or 3.13")
    yield Finding("ok", f"{len(os.sched_getaffinity(0))} CPU cores ({cpu_name()}), {memory_gb():.0f} GB of memory")
    free = shutil.disk_usage(".").free / 1e9
    low = free < LEAST_FREE_GB
    yield Finding("!!" if low else "ok", f"{free:.0f} GB free in {Path.cwd()}",
                  "free some: a small run writes 3 GB" if low else "")


def cpu_name() -> str:
    try:
        name = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        name = None
    return name[1] if name else platform.machine()


def memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def gpus() -> Iterator[Finding]:
    """One finding a GPU; and whether the installed torch was built for it."""
    cuda = torch_cuda()
    try:
        command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        lines = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        lines = []
    if not lines:
        yield Finding("--", f"no GPU found: training runs on the CPU (torch is built for {cuda or 'CPU only'})")
    for line in lines:
        remedy = "" if cuda else "this torch is CPU only: ./setup.sh --torch-backend auto"
        yield Finding("ok" if cuda else "--", f"GPU {line} (torch is built for {cuda or 'CPU only'})", remedy)


def torch_cuda() -> str:
    """``CUDA 13.0`` as written in the installed torch/version.py, or nothing; torch itself is not imported."""
    try:
        text = Path(metadata.distribution("torch").locate_file("torch/version.py")).read_text()
    except (metadata.PackageNotFoundError, OSError):
        return ""
    release = re.search(r"^cuda\b[^=]*= '([\d.]+)'", text, re.MULTILINE)
    return f"CUDA {release[1]}" if release else ""


def packages() -> Iterator[Finding]:
    present, absent = [], []
    for name in USEFUL:
        (present if version_of(name) else absent).append(f"{name} {version_of(name) or ''}".strip())
    for name in NEEDED:
        if version_of(name):
            present.append(f"{name} {version_of(name)}")
        else:
            yield Finding("!!", f"package {name} is missing",
                          "rm .venv/bljust.stamp and run ./setup.sh")
    yield Finding("ok", "packages: " + ", ".join(sorted(present)))
    if absent:
        yield Finding("--", f"not installed: {', '.join(absent)}", "optional; part of requirements/lock.txt")


def version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def tools() -> Iterator[Finding]:
    """Programs outside Python; none is needed by the default recipes."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/lib/sctk/bin"
    for name, purpose in TOOLS.items():
        where = shutil.which(name, path=path)
        yield Finding("ok", f"{name}: {where}") if where else Finding("--", f"{name} is not installed", purpose)
