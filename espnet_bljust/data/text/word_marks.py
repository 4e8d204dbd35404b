"""Marks that stand inside words and belong to their spelling: they stay, or go and leave the word whole.

stay  middle dot between Latin letters (Catalan l·l); Hebrew geresh after a letter and gershayim between letters, typed
      as ASCII quotation marks, too; Tibetan tsheg between letters; Myanmar signs, which are read out; tone and length
      signs of category Sk beside a letter; a modifier apostrophe (U+02BC ...) at the edge of a word, where it is a
      letter; joiners where a script needs them
go    Armenian marks over a vowel, tatweel and its like, hyphenation points
A joiner is spelling after a virama, and between letters or marks of a script without case (Persian, Bengali ...);
beside letters with case (Latin, Cyrillic ...) it changes no word.
Source: the Unicode Standard, chapters 6 to 16 (punctuation and joiners by script); RFC 5892, appendix A.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

JOINERS = "\u200c\u200d"
MODIFIER_APOSTROPHES = "\u02bc\u02b9\u02bd"
STAY = "·\u05f3\u05f4\u0f0b\u104c\u104d\u104e\u104f"
LAST_MARK = 0x1FFFF  # beyond are variation selectors, which are invisible


def _class(codes: Iterable[int]) -> str:
    """``codes``, rising, as ranges of a regular expression's class."""
    runs = (list(run) for _, run in groupby(enumerate(codes), lambda item: item[1] - item[0]))
    return "".join(f"{re.escape(chr(run[0][1]))}-{re.escape(chr(run[-1][1]))}" for run in runs)


MARKS = _class(code for code in range(0x300, LAST_MARK) if unicodedata.category(chr(code))[0] == "M")
VIRAMAS = _class(code for code in range(0x300, LAST_MARK) if unicodedata.combining(chr(code)) == 9)
TONE_SIGNS = "\u02d7\u02e5-\u02eb\u02ed\u02ef-\u02ff\ua700-\ua716\ua720\ua721\ua789\ua78a"
WORD = rf"\w{MARKS}"  # inside [...]: letters, marks, digits
LATIN = "A-Za-z\u00c0-\u024f\u0250-\u02af\u0300-\u036f\u1e00-\u1eff"
HEBREW = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u05d0-\u05f2"

GONE = dict.fromkeys(map(ord, "\u055b\u055c\u055e\u055f\u0640\u07fa\u180a\u2027")) | {0x0F0C: "\u0f0b"}
SINGLE_QUOTES, DOUBLE_QUOTES = "'\u2018\u2019\u201a\u201b\u2032\u00b4`", '"\u201c\u201d\u201e\u201f\u2033'
HEBREW_DOUBLE = re.compile(rf"(?<=[{HEBREW}])[{DOUBLE_QUOTES}](?=[{HEBREW}])")
ACRONYM = re.compile(rf"[\u05d0-\u05f2][\u0591-\u05c7]*(?![{HEBREW}])")  # the last letter of a word
HEBREW_SINGLE = re.compile(rf"(?<=[{HEBREW}])[{SINGLE_QUOTES}](?=[{HEBREW}])")
HEBREW_END = re.compile(rf"(?<=[{HEBREW}])[{SINGLE_QUOTES}](?![{WORD}])")
BETWEEN = re.compile(rf"(?<=[{WORD}])[{MODIFIER_APOSTROPHES}](?=[{WORD}])")
OPENING = re.compile(rf"(?<![{WORD}])[{SINGLE_QUOTES}](?=[{WORD}])")
LOOSE = re.compile(
    rf"(?<![{LATIN}])·|·(?![{LATIN}])"
    rf"|(?<![{HEBREW}])[\u05f3\u05f4]|\u05f4(?![{HEBREW}])"
    rf"|(?<![\u0f40-\u0fbc])\u0f0b|\u0f0b(?![\u0f40-\u0fbc])"
    rf"|(?<![{WORD}])[{TONE_SIGNS}]+(?![{WORD}])"
    rf"|(?<![{WORD}])[{MODIFIER_APOSTROPHES}\u02bb]+(?![{WORD}])"
)
LONE_JOINER = re.compile(rf"(?<![{WORD}{JOINERS}])[{JOINERS}]+|(?<![{VIRAMAS}{JOINERS}])[{JOINERS}]+(?![{WORD}])")
JOINER_TWICE = re.compile(rf"([{JOINERS}])\1+")
AFTER_CASED = re.compile(rf"(?<=[{LATIN}\u0370-\u052f\u0531-\u0587])[{JOINERS}]+")


def marks_of_words(text: str) -> str:
    """``text`` with marks that only decorate gone, and those typed as quotation marks under their own code."""
    text = BETWEEN.sub("'", text.translate(GONE))
    if re.search(f"[{HEBREW}]", text):
        text = HEBREW_DOUBLE.sub(lambda mark: "\u05f4" if ACRONYM.match(text, mark.end()) else "", text)
        text = HEBREW_SINGLE.sub("\u05f3", text)
        if not OPENING.search(text):  # else what closes may be a quotation
            text = HEBREW_END.sub("\u05f3", text)
    return text


def without_loose_marks(text: str) -> str:
    """``text``, where all other punctuation is gone, without marks and joiners that are not those of a word."""
    text = JOINER_TWICE.sub(r"\1", LONE_JOINER.sub("", AFTER_CASED.sub("", text)))
    return LOOSE.sub(" ", text)
