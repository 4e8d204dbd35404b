"""Tables in Markdown, as GitHub and the hub of Hugging Face read them.

Source: GitHub Flavored Markdown, section 4.10: a line a row; a bar in a cell is written with a backslash.
"""

import re
from collections.abc import Iterable

RULES = {"l": "---", "r": "---:"}


def table(
    head: Iterable[object], rows: Iterable[Iterable[object]] = (), align: str = "", pad: str = " "
) -> list[str]:
    """Lines. ``align``: a letter a column, l(eft) or r(ight), all to the left if there is none; ``pad``: see `row`."""
    head = list(head)
    rules = [RULES[side] for side in align or "l" * len(head)]
    return [row(head, pad), row(rules, pad=""), *(row(cells, pad) for cells in rows)]


def row(cells: Iterable[object], pad: str = " ") -> str:
    """One line; ``pad`` stands on both sides of each cell."""
    return "|" + "|".join(f"{pad}{_escaped(str(cell))}{pad}" for cell in cells) + "|"


def _escaped(cell: str) -> str:
    """On one line, a backslash before each bar and backslash."""
    line = re.sub(r"([\\|])", r"\\\1", " ".join(cell.splitlines()))
    return f"{line} " if line.endswith("\\") else line  # some readers take any backslash to hide the bar that follows
