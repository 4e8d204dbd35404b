"""Name tables between two spellings of the same parameters: one to one, and nothing passes unnoticed.

A rule is a pair of prefixes, ours and theirs; `*` stands for the number of a layer, the same on both sides, and a
prefix without a point at its end is a whole name. A rule with None has no place on the other side.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import Tensor

from espnet_bljust.errors import InputError

Rule = tuple[str, str | None]
# The two spellings of weight normalisation in PyTorch: before and since torch.nn.utils.parametrizations.
OLD_WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}


class Renamed(NamedTuple):
    """Every name of the input stands in one of the three."""

    state: dict[str, Tensor]  # under the other side's names
    left_out: list[str]  # a rule says that the other side has no place for it
    unknown: list[str]  # no rule knows it, or the name it would get is taken


def rename(state: Mapping[str, Tensor], rules: Iterable[Rule]) -> Renamed:
    """The first rule that fits a name decides; tensors are shared, not copied."""
    patterns = [(re.compile(re.escape(prefix).replace(r"\*", r"(\d+)")), prefix, other) for prefix, other in rules]
    result = Renamed({}, [], [])
    for name, value in state.items():
        known, new = _apply(patterns, name)
        if not known or new in result.state:
            result.unknown.append(name)
        elif new is None:
            result.left_out.append(name)
        else:
            result.state[new] = value
    return result


def export(state: Mapping[str, Tensor], rules: Iterable[Rule]) -> Renamed:
    """From our names; a rule for each is our own duty."""
    renamed = rename(state, rules)
    assert not renamed.unknown, f"no place, or one that is taken, for {renamed.unknown}"
    return renamed


def inverse(rules: Iterable[Rule]) -> list[Rule]:
    """From their names to ours."""
    return [(theirs, ours) for ours, theirs in rules if theirs is not None]


def modern(state: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Weight normalisation in its new spelling, and names without ``prefix`` where they begin with it."""
    spelt = {_respelt(name.removeprefix(prefix), OLD_WEIGHT_NORM): value for name, value in state.items()}
    if len(spelt) < len(state):
        raise InputError(f"weights: {len(state) - len(spelt)} tensors stand there twice, in two spellings of one name. "
                         "Save the network again, once.")
    return spelt


def old_fashioned(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weight normalisation in its old spelling."""
    return {_respelt(name, {new: old for old, new in OLD_WEIGHT_NORM.items()}): value for name, value in state.items()}


def _respelt(name: str, spelling: Mapping[str, str]) -> str:
    old = next((old for old in spelling if name.endswith("." + old)), None)
    return name if old is None else name.removesuffix(old) + spelling[old]


def _apply(patterns: list[tuple[re.Pattern, str, str | None]], name: str) -> tuple[bool, str | None]:
    """(whether a rule fits, the new name)."""
    for pattern, prefix, other in patterns:
        match = pattern.match(name)
        if match and (prefix.endswith(".") or match.end() == len(name)):
            new = None if other is None else re.sub(r"\*", lambda _, m=match: m.group(1), other)
            return True, None if new is None else new + name[match.end() :]
    return False, None
