"""Ids and speakers from names that people gave to files, folders and speakers, in any script.

Letters, marks, digits and most signs of a name stay as they are, in Unicode's form C, so that a name is one in whatever
form a disk or a table has it. White space and what brackets, quotes or separates in later files becomes `_`; two names
that come to the same by that are a problem, never one speaker.
"""

import unicodedata

SEPARATING = "/\\()|:;<>\"`*?$"
JOINERS = "\u200c\u200d"  # of Indic and Arabic spelling


def plain_name(name: str) -> str:
    """``name`` as an id or speaker, without white space in it."""
    return "".join(map(_plain, unicodedata.normalize("NFC", name)))


def _plain(character: str) -> str:
    stays = unicodedata.category(character)[0] in "LMNPS" or character in JOINERS
    return character if stays and character not in SEPARATING else "_"


class Speakers:
    """The speakers met so far: two names are two speakers."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # what is written -> what the source says

    def plain(self, name: str, where: str, problems: list[str]) -> str | None:
        """The speaker ``name`` of the audio at ``where``; None, and a problem, for the name of another."""
        name = unicodedata.normalize("NFC", name)
        written = plain_name(name)
        first = self._names.setdefault(written, name)
        if first == name:
            return written
        problems.append(f"{where}: the speakers {first!r} and {name!r} would both be {written}. Rename one of them.")
        return None
