"""Tables with a header line, tab-, comma- or semicolon-separated, row by row; columns by any of their usual names."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from espnet_bljust.errors import InputError


def read_rows(
    path: Path, columns: Mapping[str, Sequence[str]], required: Sequence[str], problems: list[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and values of every row, by the keys of ``columns`` (key -> names it may have in the header).

    An absent column that is not ``required`` is empty. A row is a line: one with another number of fields, or with a
    quotation mark that does not close in it, goes to ``problems``, so that no mark swallows the rows after it. In
    tab-separated files a quotation mark is a character like any other, as in Common Voice's tables.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such table. Check the name.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(first := file.readline())
            header = _fields(first, delimiter, f"{path}:1")
            if isinstance(header, str):
                raise InputError(header)
            places = _places(path, [name.strip() for name in header], columns, required)
            for number, line in enumerate(file, 2):
                row = _fields(line, delimiter, f"{path}:{number}")
                if isinstance(row, str):
                    problems.append(row)
                elif len(row) == len(header):
                    yield number, {key: row[place].strip() for key, place in places.items()}
                elif row:
                    mismatch = f"{len(row)} fields where the header has {len(header)}"
                    problems.append(f"{path}:{number}: {mismatch}. Mend the line; a field holds no line break.")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason}). Convert: iconv -t UTF-8.") from None


def _fields(line: str, delimiter: str, where: str) -> list[str] | str:
    """Those of a line, or what is wrong with it."""
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    try:
        return next(csv.reader([line], delimiter=delimiter, quoting=quoting, strict=True), [])
    except csv.Error as error:
        if '"' not in line:
            return f"{where}: not a row ({error}). Mend the line."
        return (f"{where}: a quotation mark that does not close on its line: one that is text is written twice in a "
                "quoted field, and a field holds no line break. Mend the line, or save the table as .tsv.")


def _delimiter(header: str) -> str:
    return max("\t,;", key=header.count)


def _places(
    path: Path, header: list[str], columns: Mapping[str, Sequence[str]], required: Sequence[str]
) -> dict[str, int]:
    """Key -> place in the row, for the columns that are there."""
    lowered = [name.lower() for name in header]
    places = {}
    for key, names in columns.items():
        present = [name for name in names if name in lowered]
        if present:
            places[key] = lowered.index(present[0])
        elif key in required:
            raise InputError(f"{path}:1: no column {' or '.join(names)} in {header}. Add it, or check the file.")
    return places
