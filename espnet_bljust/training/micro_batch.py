"""One forward pass: utterances with their tensors, and those on the device of the network."""

from typing import NamedTuple

import torch
from torch import Tensor


class MicroBatch(NamedTuple):
    """One forward pass."""

    utterances: list[str]
    tensors: dict
    num_labelled: int  # utterances, the first of all
    num_masked: int  # frames
    num_rows: int = 0  # frames of the pool
    num_unreadable: int = 0  # utterances that are missing


def to_device(tensors: dict, device: torch.device) -> dict:
    """Move audio, negatives and noise; lengths, labels and masks stay where they can be counted without waiting."""
    return {name: value if name.startswith("text") or name.endswith("_lengths") else _move(value, device)
            for name, value in tensors.items()}


def _move(value: object, device: torch.device) -> object:
    if torch.is_tensor(value):
        return value if value.dtype == torch.bool else value.to(device, non_blocking=True)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_move(item, device) for item in value))
    return [_move(item, device) for item in value] if isinstance(value, list) else value


def unpad(padded: Tensor | None, lengths: Tensor | None) -> list[Tensor]:
    if padded is None:
        return []
    return [row[:length] for row, length in zip(padded, lengths.tolist(), strict=True)]
