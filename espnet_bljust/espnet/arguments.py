"""ESPnet's arguments from the fields of training/configuration.py: one for every key, with its default and meaning."""

import argparse
from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, get_args, get_origin

from espnet2.utils.nested_dict_action import NestedDictAction
from espnet2.utils.types import str2bool

from espnet_bljust.keys import Count, Group, allowed, default_of, key_of, kind_of
from espnet_bljust.training import configuration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ESPnet lacks; of a key that both have, ESPnet's argument stays and gets our default."""
    for group in configuration.TOP:
        section = parser.add_argument_group(f"BL-JUST, {group.__name__}: {group.__doc__}")
        for each in fields(group):
            try:
                section.add_argument(f"--{each.name}", **_argument(each))
            except argparse.ArgumentError:
                parser.set_defaults(**{each.name: default_of(each)})
    section = parser.add_argument_group("BL-JUST, groups of keys (docs/training_keys.md)")
    for name, kinds in configuration.CONFS.items():
        section.add_argument(f"--{name}", action=NestedDictAction, default={}, help=_help_of_conf(kinds))


def _argument(each: Field) -> dict[str, Any]:
    listed = get_origin(each.type) is tuple
    kind = get_args(each.type)[0] if listed else kind_of(each)
    found = {"type": str2bool if kind is bool else int if kind is Count else kind, "default": default_of(each),
             "help": f"{key_of(each).meaning}: {allowed(each)}".replace("%", "%%")}
    return found | ({"nargs": "*"} if listed else {}) | (
        {"choices": key_of(each).choices} if key_of(each).choices else {})


def _help_of_conf(kinds: Mapping[str, type[Group]]) -> str:
    return " ".join(f"{kind.__doc__.splitlines()[0]} {', '.join(each.name for each in fields(kind))}."
                    for kind in kinds.values()).replace("%", "%%")
