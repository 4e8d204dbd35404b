"""YAML and JSON of unknown origin: plain data only, of bounded size however often its parts are repeated by `*alias`.

The one reader of all such files: YAML by its core schema (yaml_core.py); no key twice, no NaN. PyYAML shares what an
alias repeats, so that a few lines can stand for billions of values that only show when they are walked or written;
they are counted before anything is made of them. A value that holds itself is refused.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from espnet_bljust.disk.yaml_core import CoreLoader, Refused, refuse
from espnet_bljust.errors import InputError

MOST_BYTES = 16 << 20  # a token list of 100,000 entries takes 2 MB
MOST_VALUES = 2_000_000


def read_yaml(path: Path) -> Any:
    """The content of ``path``; InputError for what is not YAML, too large, or more than plain data."""
    return parse_yaml(_text(path), path)


def read_yaml_keys(path: Path, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The same, of a file that must hold keys with values."""
    content = read_yaml(path)
    if content is None and may_be_empty:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}:1: not a list of keys with values. Write one `key: value` a line.")
    return content


def parse_yaml(text: str, where: str | Path) -> Any:
    """What ``text`` says; ``where``: for the error."""
    reading = None
    try:
        reading = CoreLoader(text)
        node = reading.get_single_node()
        if node is None:
            return None
        if _values(node, {}, set()) > MOST_VALUES:
            raise InputError(f"{where}: more than {MOST_VALUES} values, repeated by aliases. Write them out, fewer.")
        refuse(reading, node)
        return reading.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark and isinstance(where, Path) else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())[:200]
        if isinstance(error, Refused):
            raise InputError(f"{where}{line}: {reason}") from None
        raise InputError(f"{where}{line}: not YAML ({reason}). Mend it there, or just above.") from error
    except (ValueError, OverflowError, RecursionError) as error:  # numbers and dates that are none; deep nesting
        reason = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())[:200]
        raise InputError(f"{where}: not YAML ({reason}). Mend it there.") from None
    finally:
        if reading is not None:
            reading.dispose()


def read_json(path: Path) -> Any:
    """The content of ``path``; InputError for what is not JSON, or too large."""
    try:
        return json.loads(_text(path), parse_constant=_no_number, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({' '.join(str(error).split())[:120]}). Restore it.") from None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return content


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise InputError(f"{path}: more than {MOST_BYTES >> 20} MB, no settings. Check the name.")
        return data.decode("utf-8-sig")  # Windows puts a byte order mark in front
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start + 1} is not UTF-8. Convert: iconv -t UTF-8.") from None
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}. Check the name.") from None


def _values(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """How many values ``node`` stands for, aliases written out; ``above``: the nodes that it is part of."""
    if id(node) in above:
        raise ValueError("a value that holds itself")
    if id(node) in known:
        return known[id(node)]
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        parts = node.value
    elif isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    above.add(id(node))
    known[id(node)] = 1 + sum(_values(part, known, above) for part in parts)
    above.remove(id(node))
    return known[id(node)]


def run_settings(exp_dir: Path) -> dict[str, Any]:
    """train.yaml of an experiment, as stage 7 wrote it; nothing where there is none."""
    path = exp_dir / "train.yaml"
    return read_yaml_keys(path) if path.is_file() else {}
