"""What a run leaves behind, file by file, without the times that some files carry."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

MADE = ("data", "dump", "exp", "downloads", "RESULTS.md")
HALF = (".tmp", ".pending", ".old", ".part")


def contents(folder: Path) -> dict[str, str]:
    """Name -> digest of all that the stages of a recipe's folder made.

    Records, logs and TensorBoard's events are left out: they are made of times. Of a link, its target counts; of a
    checkpoint, every value and bit, but not the pickle, which knows which equal strings were one object.
    """
    found = {}
    for top in MADE:
        place = folder / top
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            name = path.relative_to(folder)
            if path.is_symlink():
                found[str(name)] = f"-> {path.readlink()}"
            elif path.is_file() and path.suffix != ".log" and not {".stages", "tensorboard"} & set(name.parts):
                found[str(name)] = hashlib.sha256(_timeless(path)).hexdigest()
    return found


def half_written(folder: Path) -> list[str]:
    """What only a run in progress may have, records among it."""
    return sorted(str(path.relative_to(folder)) for top in MADE for path in (folder / top).rglob("*")
                  if path.name.endswith(HALF))


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """One line for each file that is not what it should be."""
    lines = [f"{name} is missing" for name in expected.keys() - found.keys()]
    lines += [f"{name} should not be there" for name in found.keys() - expected.keys()]
    lines += [f"{name} differs" for name in found.keys() & expected.keys() if found[name] != expected[name]]
    return sorted(lines)


def _timeless(path: Path) -> bytes:
    data = path.read_bytes()
    if path.name == "RESULTS.md":
        return b"".join(line for line in data.splitlines(keepends=True) if not line.startswith(b"- date:"))
    if path.name == "history.jsonl":
        rows = [json.loads(line) for line in data.splitlines()]
        return json.dumps([{name: value for name, value in row.items() if name != "seconds"} for row in rows]).encode()
    if path.name.startswith("checkpoint"):
        import torch

        return "".join(_leaves("", torch.load(path, weights_only=True))).encode()
    return data


def _leaves(where: str, value: object) -> Iterator[str]:
    """A line for every value of a checkpoint, in the order of the file."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{where}/{name!r}", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(f"{where}/{number}", inner)
    elif hasattr(value, "numpy"):
        digest = hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()
        yield f"{where} {value.dtype} {tuple(value.shape)} {digest}\n"
    else:
        yield f"{where} {value!r}\n"
