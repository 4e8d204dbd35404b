"""One process or many: the few collective operations of training, each harmless on one process."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

import torch
import torch.distributed.distributed_c10d as c10d
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from espnet_bljust.errors import InputError

# A process that was killed is missed at once, by its closed connection; one whose machine is gone says nothing, and is
# given up after this. Longer than the first one writes a checkpoint, for which the others wait.
PATIENCE = timedelta(minutes=10)
LOST = re.compile("gloo|NCCL|Application timeout|Connection (closed|reset)|Broken pipe")  # in what the backends say


class Option(Protocol):
    """What is read of ESPnet's DistributedOption."""

    distributed: bool
    dist_rank: int | None
    dist_world_size: int | None
    ngpu: int


class Processes:
    """This process among those of a run."""

    def __init__(self, option: Option) -> None:
        self.distributed = option.distributed
        self.rank = option.dist_rank or 0 if option.distributed else 0
        self.world_size = option.dist_world_size or 1 if option.distributed else 1
        self.first = self.rank == 0
        self.device = torch.device("cuda", torch.cuda.current_device()) if option.ngpu > 0 else torch.device("cpu")

    def wrap(self, model: torch.nn.Module) -> torch.nn.Module:
        """DistributedDataParallel where there are several; a resting head has no gradient, hence `find_unused`."""
        if not self.distributed:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices, find_unused_parameters=True)

    @staticmethod
    def unwrap(model: torch.nn.Module) -> torch.nn.Module:
        return model.module if isinstance(model, DistributedDataParallel) else model

    def sum(self, values: Sequence[float]) -> list[float]:
        """Element-wise sums over all processes, the same on each."""
        if not self.distributed:  # nothing to add, and no wait for the device
            return list(values)
        return self.sum_tensor(torch.tensor(values, dtype=torch.float64, device=self.device)).tolist()

    def sum_tensor(self, tensor: Tensor) -> Tensor:
        """The tensor summed over all processes, in place."""
        if self.distributed:
            torch.distributed.all_reduce(tensor)
        return tensor

    def gather[Value](self, value: Value) -> list[Value]:
        """Plain data of every process, by rank."""
        if not self.distributed:
            return [value]
        values: list = [None] * self.world_size
        torch.distributed.all_gather_object(values, value)
        return values


@contextmanager
def watched(where: object) -> Iterator[None]:
    """Within, no collective operation waits longer than PATIENCE, and a lost process ends this one in one line.

    ESPnet makes the group without a limit of its own, and torch's are half an hour (gloo) and ten minutes (NCCL).
    """
    before = c10d.default_pg_timeout, c10d.default_pg_nccl_timeout
    c10d.default_pg_timeout = c10d.default_pg_nccl_timeout = PATIENCE
    try:
        yield
    except RuntimeError as error:
        said = torch.distributed.is_initialized() and LOST.search(str(error))
        if not said and not isinstance(error, torch.distributed.DistError):
            raise
        reason = " ".join(str(error).split()).partition(". ")[0].rpartition("] ")[2][:160]
        raise InputError(f"{where}: another process of this run has ended, or was silent for {PATIENCE} ({reason}). "
                         "Its log says why; the same command goes on from the last checkpoint.") from error
    finally:
        c10d.default_pg_timeout, c10d.default_pg_nccl_timeout = before
