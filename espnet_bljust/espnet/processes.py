"""One process or many: the few collective operations of training, each harmless on one process."""

from collections.abc import Sequence

import torch
from espnet2.train.distributed_utils import DistributedOption
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel


class Processes:
    """Wraps ESPnet's DistributedOption."""

    def __init__(self, option: DistributedOption) -> None:
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
