"""checkpoint.pth, the kept models and their links, written beside their targets and renamed: what exists is whole."""

import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from espnet_bljust.errors import InputError


def save_atomically(state: Mapping, path: Path) -> None:
    """torch.save beside ``path``, fsync, rename; tensors and plain data only."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load(path: Path, device: torch.device | str = "cpu") -> dict:
    """Load with ``weights_only``; a file that is not a whole checkpoint is named.

    The sums are checked here: torch writes CRC-32 of every tensor into the file, and does not look at them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"wrong check sum of {damaged}")
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = str(error).split("\n")[0]
        raise InputError(f"{path}: not a readable checkpoint ({reason}). Delete it, or restore a copy.") from error


def own_names(state: Mapping, where: str) -> dict[str, torch.Tensor]:
    """Weights as training writes them (<n>epoch.pth, average.pth, or in checkpoint.pth), without `network.`."""
    state = state.get("model", state)
    if not all(isinstance(name, str) and name.startswith("network.") for name in state):
        raise InputError(f"{where}: not weights of this package. Name a file such as exp/<tag>/average.pth.")
    return {name.removeprefix("network."): value for name, value in state.items()}


def link(target: str, path: Path) -> None:
    """Make ``path`` a symbolic link to ``target``, replacing an older one in one move."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


def kept_epochs(scores: Mapping[int, float], keep: int) -> list[int]:
    """Epochs whose weights stay on disk: the ``keep`` best by score (ties: the later) and the ``keep`` newest.

    At least one of each, since valid.cer.best.pth and latest.pth point at them.
    """
    keep = max(keep, 1)
    best = sorted(scores, key=lambda epoch: (scores[epoch], -epoch))[:keep]
    return sorted({*best, *sorted(scores)[-keep:]})


def prune(output_dir: Path, keep: Sequence[int]) -> None:
    """Remove the ``<epoch>epoch.pth`` that are not in ``keep``."""
    for path in output_dir.glob("*epoch.pth"):
        if path.name.removesuffix("epoch.pth").isdigit() and int(path.name.removesuffix("epoch.pth")) not in keep:
            path.unlink()
