"""YAML 1.2's core schema over PyYAML, which reads 1.1: what stands in a file without quotes is what it looks like.

    030 is 30, 0o17 is 15, 1e-3 is a number; yes, no, on, off, 1:30, 1_000 and 2026-01-01 are text

Source: YAML 1.2.2, section 10.3.2. Beside it `<<`, which merges keys. A key that stands twice is refused, and so are
NaN, infinity and numbers beyond floating point. What `as_yaml` writes reads the same in PyYAML, and so in ESPnet.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

TAG = "tag:yaml.org,2002:"
MAY_BE_INFINITE = ("grad_clip",)  # keys for which .inf is a value: no limit
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INT = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
FLOAT = (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
         r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
NUMBER = [*"-+.0123456789"]  # what one begins with
SCHEMA = {  # name: the whole of a plain scalar, and its first letters
    "null": ("~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": ("|".join(BOOLEANS), [*"tTfF"]),
    "int": (INT, NUMBER),
    "float": (FLOAT, NUMBER),
    "merge": ("<<", ["<"]),
}


class Refused(yaml.MarkedYAMLError):  # noqa: N818  (it is YAML, only not ours)
    """YAML that says something we do not take; ``problem`` ends in the remedy."""


class CoreLoader(yaml.SafeLoader):
    """Plain data alone; `!!timestamp`, `!!binary`, `!!set` and the like are no part of the schema."""

    yaml_implicit_resolvers: dict = {}
    yaml_constructors: dict = {}

    def null(self, node: yaml.ScalarNode) -> None:
        self.construct_scalar(node)

    def boolean(self, node: yaml.ScalarNode) -> bool:
        word = self.construct_scalar(node)
        if word not in BOOLEANS:
            raise ValueError(f"{word!r} is not true or false")
        return BOOLEANS[word]

    def whole(self, node: yaml.ScalarNode) -> int:
        word = self.construct_scalar(node)
        return int(word, {"0o": 8, "0x": 16}.get(word[:2], 10))

    def number(self, node: yaml.ScalarNode) -> float:
        word = self.construct_scalar(node)
        value = float(word.replace(".", "") if word[-3:].lower() in ("inf", "nan") else word)
        if math.isnan(value) or math.isinf(value) and "inf" not in word.lower():
            raise Refused(problem=f"{word} is no number. Write one that floating point has.",
                          problem_mark=node.start_mark)
        return value


for name, (pattern, first) in SCHEMA.items():
    CoreLoader.add_implicit_resolver(TAG + name, re.compile(f"(?:{pattern})$"), first)
for name, construct in {
    "null": CoreLoader.null, "bool": CoreLoader.boolean, "int": CoreLoader.whole, "float": CoreLoader.number,
    "str": yaml.SafeLoader.construct_yaml_str, "seq": yaml.SafeLoader.construct_yaml_seq,
    "map": yaml.SafeLoader.construct_yaml_map,
}.items():
    CoreLoader.add_constructor(TAG + name, construct)
CoreLoader.add_constructor(None, yaml.SafeLoader.construct_undefined)


class CoreDumper(yaml.SafeDumper):
    """PyYAML's, with quotes also around what is text to it and a number to the core schema, such as 1e5."""


for name, (pattern, first) in SCHEMA.items():
    CoreDumper.add_implicit_resolver(TAG + name, re.compile(f"(?:{pattern})$"), first)


def _quoted(dumper: CoreDumper, text: str) -> yaml.ScalarNode:
    """PyYAML reads these breaks as spaces but where they are escaped."""
    style = '"' if any(letter in text for letter in "\x85\u2028\u2029") else None
    return dumper.represent_scalar(TAG + "str", text, style)


CoreDumper.add_representer(str, _quoted)


def as_yaml(content: Any) -> str:
    """Block style, keys in their order."""
    return yaml.dump(content, Dumper=CoreDumper, sort_keys=False, allow_unicode=True)


def refuse(loader: CoreLoader, root: yaml.Node) -> None:
    """Refused: a key that stands twice in one mapping, with both lines, and an infinite value."""
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            _refuse_twins(loader, [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
            values = [value for key, value in node.value if key.value not in MAY_BE_INFINITE]
        else:
            values = node.value if isinstance(node, yaml.SequenceNode) else []
        for value in values:
            if value.tag == TAG + "float" and math.isinf(loader.construct_object(value)):
                raise Refused(problem=f"{value.value}: of all keys only {', '.join(MAY_BE_INFINITE)} may be infinite. "
                              "Write a number.", problem_mark=value.start_mark)


def _refuse_twins(loader: CoreLoader, keys: list[yaml.ScalarNode]) -> None:
    lines: dict[Any, int] = {}
    for key in keys:
        name = "<<" if key.tag == TAG + "merge" else loader.construct_object(key)
        line = key.start_mark.line + 1
        if name in lines:
            raise Refused(problem=f"{key.value} stands in line {lines[name]} and in line {line}. Keep one of them, "
                          "with all that is to stand below it.", problem_mark=key.start_mark)
        lines[name] = line


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node once, however often it is repeated."""
    known, left = {id(root)}, [root]
    while left:
        node = left.pop()
        yield node
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        for part in parts:
            for each in part if isinstance(part, tuple) else (part,):
                if id(each) not in known:
                    known.add(id(each))
                    left.append(each)
