"""Dropouts and layer drop by phase: `dropout_conf` of a training configuration, e.g. {final: {layer_drop: 0.1}}."""

from collections.abc import Mapping

from espnet_bljust.bilevel.plan import PHASES
from espnet_bljust.errors import InputError
from espnet_bljust.network.config import TrunkOptions
from espnet_bljust.network.trunks.dropout import dropouts_of


def phase_dropouts(options: Mapping, trunk: TrunkOptions) -> dict[str, dict[str, float]]:
    """All of every phase, those that are not named as trunk_conf has them; empty where no phase has its own."""
    plain = dropouts_of(trunk)
    for phase, changes in options.items():
        if phase not in PHASES:
            raise InputError(f"dropout_conf: unknown phase {phase}. Known phases: {', '.join(PHASES)}.")
        for name, value in (changes if isinstance(changes, Mapping) else {"": changes}).items():
            if name not in plain:
                raise InputError(f"dropout_conf: {phase}: the trunk has no {name or changes}, only {', '.join(plain)}.")
            if not isinstance(value, int | float) or not 0 <= value < 1:
                raise InputError(f"dropout_conf: {phase}.{name} is {value!r}, not in [0, 1). Mend the value.")
    return {phase: {**plain, **options.get(phase, {})} for phase in PHASES} if options else {}
