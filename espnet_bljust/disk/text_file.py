"""Lines of a text file of unknown origin."""

import codecs
from pathlib import Path

from espnet_bljust.errors import InputError


def read_lines(path: Path | str, remedy: str = "Convert: iconv -t UTF-8.") -> list[str]:
    """The lines of a UTF-8 file, which end in a line feed, perhaps after a carriage return, and in nothing else.

    InputError with the line of what is not UTF-8.
    """
    data = Path(path).read_bytes().removeprefix(codecs.BOM_UTF8)  # Windows puts it in front
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}:{data[: error.start].count(b'\n') + 1}: not UTF-8. {remedy}") from None
    return [line.removesuffix("\r") for line in lines[: -1 if lines[-1] == "" else None]]
