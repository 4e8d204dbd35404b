"""Lines of a text file of unknown origin."""

from pathlib import Path

from espnet_bljust.errors import InputError


def read_lines(path: Path | str, remedy: str = "Convert: iconv -t UTF-8.") -> list[str]:
    """The lines of a UTF-8 file, as str.splitlines parts them; InputError with the line of what is not UTF-8."""
    data = Path(path).read_bytes()
    try:
        return data.decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}:{data[: error.start].count(b'\n') + 1}: not UTF-8. {remedy}") from None
