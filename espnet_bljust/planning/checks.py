"""What stage 7 refuses: parameters to freeze that do not exist."""

import difflib
from collections.abc import Collection

from espnet_bljust.errors import InputError


def check_frozen(frozen: Collection[str], names: Collection[str]) -> None:
    """Every entry of freeze_param begins a parameter's name, up to a point; ESPnet passes over one that begins none."""
    full = [f"network.{name}" for name in names]
    known = {".".join(name.split(".")[:count]) for name in full for count in range(1, name.count(".") + 2)}
    for entry in frozen:
        if entry not in known:
            near = difflib.get_close_matches(entry, sorted(known), 1, 0)
            raise InputError(f"freeze_param: the network has no parameter {entry!r}. Did you mean {near[0]}?")
