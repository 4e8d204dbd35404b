"""Dropouts and layer drop by phase: `dropout_conf` of a training configuration, e.g. {final: {layer_drop: 0.1}}."""

from dataclasses import asdict, dataclass
from typing import ClassVar

from espnet_bljust.errors import InputError
from espnet_bljust.keys import Group, key
from espnet_bljust.network.config import TrunkOptions
from espnet_bljust.network.systems import TRUNKS
from espnet_bljust.network.trunks.dropout import dropouts_of

KNOWN = tuple(dict.fromkeys(name for trunk in TRUNKS.values() for name in dropouts_of(trunk())))  # of any trunk


def _changes() -> dict[str, float]:
    """The field of a phase."""
    return key({}, "those of trunk_conf that are others in the phase", least=0, below=1, choices=KNOWN,
               example={"layer_drop": 0.1})


@dataclass(frozen=True)
class PhaseDropouts(Group):
    """Dropouts and layer drop of a phase that differ from trunk_conf's."""

    conf: ClassVar[str] = "dropout_conf"

    exploration: dict[str, float] = _changes()
    joint: dict[str, float] = _changes()
    final: dict[str, float] = _changes()


def phase_dropouts(changed: PhaseDropouts, trunk: TrunkOptions) -> dict[str, dict[str, float]]:
    """All of every phase, those that are not named as trunk_conf has them; empty where no phase has its own."""
    plain, given = dropouts_of(trunk), asdict(changed)
    for phase, changes in given.items():
        for name in changes:
            if name not in plain:
                raise InputError(f"dropout_conf: {phase}: the trunk has no {name}, only {', '.join(plain)}. Remove it.")
    return {phase: {**plain, **changes} for phase, changes in given.items()} if any(given.values()) else {}
