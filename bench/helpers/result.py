"""The form of a result: machine and versions above the table, told line by line, and written when all is there."""

import platform
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

THREADS = 2
RESULTS = Path(__file__).parents[1] / "results"


def header(
    rounds: int, threads: int = THREADS, packages: Sequence[str] = ("torch", "transformers", "espnet-s3prl", "numpy")
) -> list[str]:
    """Machine and versions."""
    versions = ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)])
    return [f"{date.today()}, {processor()}, {threads} thread{'s' * (threads > 1)},",
            f"{versions}; {rounds} round{'s' * (rounds > 1)}.", ""]


def processor() -> str:
    """Model, family and the vector extensions that matter for matrix products."""
    info = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines())
    field = {name.strip(): value.strip() for name, value in info.items()}
    vector = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if name in field["flags"].split()]
    return f"{field['model name']} (family {field['cpu family']}, model {field['model']}, {' '.join(vector)})"


def tell(lines: Iterable[str], out: Path) -> None:
    """Print each line when it is measured, and write them all at the end."""
    told = []
    for line in lines:
        print(line, flush=True)
        told.append(line)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(told) + "\n", encoding="utf-8")
