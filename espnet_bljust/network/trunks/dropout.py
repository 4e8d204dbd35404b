"""Dropouts by their names in a trunk's configuration, so that a phase may have others than the trunk was built with."""

from collections.abc import Mapping
from dataclasses import fields

from torch import Tensor, nn

from espnet_bljust.network.config import TrunkOptions
from espnet_bljust.network.packed.dropout_factors import dropout_factors


class Dropout(nn.Dropout):
    """The one of a configuration's option."""

    def __init__(self, config: TrunkOptions, name: str = "dropout") -> None:
        super().__init__(getattr(config, name))
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """As torch's, but that the numbers drawn on a CPU are others."""
        if x.device.type != "cpu" or not self.training or self.p == 0:
            return super().forward(x)
        return x * dropout_factors(x, self.p)


def dropouts_of(config: TrunkOptions) -> dict[str, float]:
    """Every option of the kind, layer drop included."""
    return {option.name: getattr(config, option.name) for option in fields(config)
            if option.name.endswith("dropout") or option.name == "layer_drop"}


def set_dropouts(network: nn.Module, dropouts: Mapping[str, float]) -> None:
    """Give each module those that it has: a `Dropout`, or a number under the option's own name."""
    for module in network.modules():
        if isinstance(module, Dropout):
            module.p = dropouts[module.name]
        for name in dropouts.keys() & vars(module).keys():
            setattr(module, name, dropouts[name])
