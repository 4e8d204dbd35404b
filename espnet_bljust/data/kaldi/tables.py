"""Kaldi tables: one ``key value`` a line, sorted by key as bytes (LC_ALL=C), UTF-8, keys without white space.

ESPnet walks such files in file order and fails late, after partial output, when they are not sorted; so
everything is checked here, once, before any costly work. UTF-8 bytes sort as code points do, hence as Python's str.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.problems import raise_problems
from espnet_bljust.errors import InputError

BOM = b"\xef\xbb\xbf"


class Entry(NamedTuple):
    """A value and the number of the line it stands on, from 1."""

    line: int
    value: str


class Table(NamedTuple):
    """What a scan found: entries by key, and every problem as ``file:line: what. remedy.``"""

    entries: dict[str, Entry]
    problems: list[str]

    def values(self) -> dict[str, str]:
        return {key: entry.value for key, entry in self.entries.items()}


def scan_table(path: Path | str, *, allow_empty: bool = False) -> Table:
    """Read a table and collect its problems instead of stopping at the first one.

    ``allow_empty`` accepts a key without a value (a transcript without words) and a table without lines.
    """
    problems: list[str] = []
    entries: dict[str, Entry] = {}
    previous = ""
    for number, key, value in walk_table(path, problems, allow_empty=allow_empty):
        where = f"{path}:{number}"
        if key in entries:
            problems.append(f"{where}: {key} stands on line {entries[key].line} already. Keep one of them.")
            continue
        if key < previous:
            problems.append(f"{where}: {key} sorts before {previous} of the line above. Sort: LC_ALL=C sort -k1,1.")
        if not value and not allow_empty:
            problems.append(f"{where}: {key} has nothing after it. Add its value, or drop the line.")
        previous = key
        entries[key] = Entry(number, value)
    return Table(entries, problems)


def walk_table(path: Path | str, problems: list[str], *, allow_empty: bool = False) -> Iterator[tuple[int, str, str]]:
    """(line number, key, value) of every line that is one, a line in memory at a time; others go to ``problems``."""
    try:
        file = open(path, "rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run the stage that makes it, or check the name.") from None
    with file:
        start = file.read(len(BOM))
        if start == BOM:
            problems.append(f"{path}:1: the file begins with a byte order mark. Save it as UTF-8 without BOM.")
        else:
            file.seek(0)
        number = 0
        for number, raw in enumerate(file, 1):
            split = _split(raw.removesuffix(b"\n"), f"{path}:{number}", problems)
            if split is not None:
                yield number, *split
        if number == 0 and not allow_empty:
            problems.append(f"{path}:1: the file is empty. Run the stage that makes it again.")


def _split(raw: bytes, where: str, problems: list[str]) -> tuple[str, str] | None:
    """Key and value of one line, or None with a problem noted."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        problems.append(f"{where}: byte {error.start + 1} of the line is not UTF-8. Convert: iconv -t UTF-8.")
        return None
    if "\r" in text:
        problems.append(f"{where}: a carriage return (Windows line end). Remove it: tr -d '\\r'.")
        return None
    if "\0" in text:
        problems.append(f"{where}: a NUL character. The file is damaged; make it again.")
        return None
    if not text.strip():
        problems.append(f"{where}: a blank line. Remove it.")
        return None
    if text[0].isspace():
        problems.append(f"{where}: the line begins with white space. Put the utterance id first.")
        return None
    # Any Unicode white space ends a key, as in ESPnet's reader: str.split, not split(" ").
    parts = text.split(maxsplit=1)
    return parts[0], parts[1].rstrip() if len(parts) == 2 else ""


def read_table(path: Path | str, *, allow_empty: bool = False) -> dict[str, str]:
    """The table at ``path``; InputError with file and line when anything in it is wrong."""
    path = Path(path)
    table = scan_table(path, allow_empty=allow_empty)
    raise_problems(table.problems, path.with_name(path.name + ".problems.txt"))
    return table.values()


def write_table(path: Path | str, table: Mapping[str, str | int | float]) -> None:
    """Write ``table`` sorted and atomically; a key or value that would not read back the same is refused."""
    path = Path(path)
    write_atomic(path, "".join(table_line(path, key, str(table[key])) for key in sorted(table)))


def table_line(path: Path, key: str, value: str) -> str:
    """The line of ``key`` in the table at ``path``; InputError for what would not read back the same."""
    if key.split() != [key] or "\0" in key:
        raise InputError(f"{path}: id {key!r} is empty or holds white space. Rename it.")
    if value != value.strip() or "\n" in value or "\r" in value or "\0" in value:
        raise InputError(f"{path}: {key}: {value!r} has white space at an end or a line break. Strip it.")
    return f"{key} {value}\n" if value else f"{key}\n"
