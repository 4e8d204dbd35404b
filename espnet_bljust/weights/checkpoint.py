"""checkpoint.pth, the kept models and their links, written beside their targets and renamed: what exists is whole.

The checkpoint before the last stays as checkpoint.previous.pth: a disk may damage what was written whole.
"""

import errno
import os
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from espnet_bljust.errors import InputError

CHECKPOINT, PREVIOUS, DAMAGED = "checkpoint.pth", "checkpoint.previous.pth", "checkpoint.damaged.pth"
REMEDY = ". Delete it, or restore a copy."
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def save_atomically(state: Mapping, path: Path) -> None:
    """torch.save beside ``path``, fsync, rename; tensors and plain data only."""
    _write(state, path).replace(path)


def _write(state: Mapping, path: Path) -> Path:
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # no room, mostly: what is half written would only take more of it
        temporary.unlink(missing_ok=True)
        refused = error if isinstance(error, OSError) else error.__context__  # torch covers up the system's own words
        if isinstance(refused, OSError):
            raise OSError(refused.errno, refused.strerror, str(path)) from error
        raise
    return temporary


def save_checkpoint(state: Mapping, output_dir: Path) -> None:
    """Write checkpoint.pth; the one before becomes checkpoint.previous.pth. Whatever kills this, one is whole."""
    path, previous = output_dir / CHECKPOINT, output_dir / PREVIOUS
    temporary = _write(state, path)
    if path.exists():
        keep = previous.with_name(PREVIOUS + ".tmp")
        keep.unlink(missing_ok=True)
        try:
            keep.hardlink_to(path)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            path.replace(previous)
        else:
            keep.replace(previous)
            keep.unlink(missing_ok=True)  # still there if both were one file already, after a kill just here
    temporary.replace(path)
    _sync_folder(output_dir)


def _sync_folder(folder: Path) -> None:
    """Put the renames on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def begun(output_dir: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    return (output_dir / CHECKPOINT).exists() or (output_dir / PREVIOUS).exists()


class Newest(NamedTuple):
    """The newest whole checkpoint of an experiment."""

    path: Path
    state: dict
    damage: InputError | None  # of the one after it


def load_newest(output_dir: Path, device: torch.device | str = "cpu") -> Newest | None:
    """The last checkpoint, or the one before it where that is damaged; None where a run begins."""
    damage = None
    for path in (output_dir / CHECKPOINT, output_dir / PREVIOUS):
        try:
            return Newest(path, load(path, device), damage)
        except FileNotFoundError:
            continue
        except InputError as error:
            if damage is not None:
                raise InputError(f"{str(damage).removesuffix(REMEDY)} and neither is {PREVIOUS}. Restore a copy of "
                                 "either; or delete both and begin anew, from a kept epoch by --init_from.") from error
            damage = error
    if damage is not None:
        raise damage
    return None


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
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        reason = str(error).split("\n")[0]
        raise InputError(f"{path}: not a readable checkpoint ({reason}){REMEDY}") from error


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


def ranked(scores: Mapping[int, float], explored: Collection[int] = ()) -> list[int]:
    """Epochs by score, the best first (ties: the later); ``explored``, which averaging leaves out, come last."""
    return sorted(scores, key=lambda epoch: (epoch in explored, scores[epoch], -epoch))


def kept_epochs(scores: Mapping[int, float], keep: int, explored: Collection[int] = ()) -> list[int]:
    """Epochs whose weights stay on disk: the ``keep`` first of `ranked` and the ``keep`` newest.

    At least one of each, since valid.cer.best.pth and latest.pth point at them.
    """
    keep = max(keep, 1)
    return sorted({*ranked(scores, explored)[:keep], *sorted(scores)[-keep:]})


def prune(output_dir: Path, keep: Sequence[int]) -> None:
    """Remove the ``<epoch>epoch.pth`` that are not in ``keep``."""
    for path in output_dir.glob("*epoch.pth"):
        if path.name.removesuffix("epoch.pth").isdigit() and int(path.name.removesuffix("epoch.pth")) not in keep:
            path.unlink()
