"""db.sh of a recipe: where the user keeps each corpus, as ESPnet writes it: ``NAME=/path`` a line, empty when not had.

It is read as text and never run, so that Python and the shell see the same value.
"""

import os
import re
from pathlib import Path

from espnet_bljust.disk.text_file import read_lines
from espnet_bljust.errors import InputError

LINE = re.compile(r"""(?:export\s+)?(?P<name>\w+)=(?P<quote>["']?)(?P<value>.*?)(?P=quote)(?:(?<!\s)\s+#.*)?""")


def read_db(path: Path | str = "db.sh") -> dict[str, str]:
    """Corpus name -> folder (``~`` and ``$HOME`` expanded); names without a value are left out."""
    folders = {}
    for number, line in enumerate(read_lines(path), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if not match:
            raise InputError(f"{path}:{number}: {line!r} is not NAME=/path. Write one corpus a line.")
        value = match["value"]
        if value and match["quote"] != "'":
            value = os.path.expanduser(os.path.expandvars(value))
        if value:
            folders[match["name"]] = value
    return folders
