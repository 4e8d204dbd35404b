"""docs/training_keys.md, and the same for `--help`: every key with its default, what it may be and its meaning."""

from collections.abc import Iterator
from dataclasses import Field, fields

from espnet_bljust.keys import Group, allowed, default_of, is_required, key_of, shown
from espnet_bljust.markdown import table
from espnet_bljust.training import configuration

WIDEST_CELL = 100  # characters
HEAD = """# Keys of a training configuration

Written by `bljust training_keys > docs/training_keys.md` from the fields that stage 7 checks a
configuration by; the test of this page says when it is to be written again. A key without a default must be set. Keys
below a group are set one by one: `--asr_args "plan_conf.gamma_max=3 accum_grad=2"` leaves their neighbours alone.

Files and values are read by YAML 1.2's core schema: 030 is 30, 1e-3 is a number, yes and no are text (true and false
are not). A key that stands twice is refused, with both lines, and so is what is no number (.nan).
"""


def page() -> str:
    """The page, a table a group."""
    parts = [HEAD]
    for title, group in _groups():
        rows = [[f"`{each.name}`", _default(each), _values(each), key_of(each).meaning] for each in fields(group)]
        parts.append("\n".join([f"## {title}", "", group.__doc__.splitlines()[0], "",
                                *table(["key", "default", "values", "meaning"], rows)]) + "\n")
    return "\n".join(parts)


def lines() -> str:
    """For a terminal."""
    page = ["keys of --set, with their defaults:"]
    for title, group in _groups():
        page += ["", f"{title}: {group.__doc__.splitlines()[0]}"]
        page += [f"  {each.name} ({_default(each) or 'no default'}): {key_of(each).meaning}; {allowed(each)}"
                  for each in fields(group)]
    return "\n".join(page)


def _groups() -> Iterator[tuple[str, type[Group]]]:
    for group in configuration.TOP:
        yield f"{group.__name__}", group
    for name, kinds in configuration.CONFS.items():
        for kind, group in kinds.items():
            yield f"{name}, {name.removesuffix('_conf')}: {kind}" if kind else name, group


def _values(each: Field) -> str:
    """What it may be; a cell that would be too wide names the first of its choices."""
    words, names = allowed(each), key_of(each).choices
    return words if len(words) <= WIDEST_CELL else words.replace(", ".join(names), f"{', '.join(names[:2])}, ...")


def _default(each: Field) -> str:
    default = default_of(each)
    return "" if is_required(each) or default is None else shown(default)
