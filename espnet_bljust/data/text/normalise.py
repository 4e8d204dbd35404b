"""Transcripts as what is spoken: one spelling of every letter, no case, no punctuation.

plain   1 Unicode NFC; full-width letters, Arabic presentation forms and Latin ligatures as plain letters
        2 the language's own rules (language_rules.py)
        3 curly, modifier and other single quotes and primes are the apostrophe '; it stays between two letters
        4 digits of any script are ASCII digits; % & + = @ #, degree, section and currency signs stay: they are read out
        5 all other punctuation, symbols and separators are spaces; invisible characters go (joiners stay in spelling)
        6 small letters
        7 one space between words, none at the ends
cased   the same without 6
as_is   NFC and 7 alone
Numbers are not spelled out: what was said for "1984" is not in the text. `read_out` finds them, and callers may set
such utterances aside.
"""

import re
import unicodedata

from espnet_bljust.data.text.language_rules import BEFORE, LOWER, without_loose_apostrophes

POLICIES = ("plain", "cased", "as_is")
APOSTROPHES = "'\u2018\u2019\u201a\u201b\u02bc\u02bb\u02b9\u02bd\u2032\u00b4`\uff07\u05f3"
READ_OUT_SYMBOLS = "%\u2030&+=@#\u00b0\u00a7"
JOINERS = "\u200c\u200d"
COMPATIBLE = ("<wide>", "<narrow>", "<initial>", "<medial>", "<final>", "<isolated>")
LATIN_LIGATURES = range(0xFB00, 0xFB07)  # ff fi fl ffi ffl and two of st


class _Characters(dict):
    """For str.translate: what each character becomes, worked out when it is met first."""

    def __missing__(self, code: int) -> str:
        self[code] = result = _plain(chr(code))
        return result


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if character in APOSTROPHES:
        return "'"
    if character in READ_OUT_SYMBOLS or category == "Sc" or character in JOINERS:
        return character
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Cf":
        return ""
    if category[0] in "ZPS" or category == "Cc":
        return " "
    return character


def _compatible(character: str) -> str:
    if unicodedata.decomposition(character).startswith(COMPATIBLE) or ord(character) in LATIN_LIGATURES:
        return unicodedata.normalize("NFKC", character)
    return character


class _Forms(dict):
    """The same for rule 1."""

    def __missing__(self, code: int) -> str:
        self[code] = result = _compatible(chr(code))
        return result


FORMS, CHARACTERS = _Forms(), _Characters()
LOOSE_JOINER = re.compile(rf"(?<!\w)[{JOINERS}]+|[{JOINERS}]+(?!\w)")  # kept inside words of Persian or Hindi, say


def normalise(text: str, language: str, policy: str = "plain") -> str:
    """The words of ``text``; ``language`` is a code (nl, mn, ar ...); one without rules gets the general ones."""
    text = unicodedata.normalize("NFC", text)
    if policy == "as_is":
        return " ".join(text.split())
    text = unicodedata.normalize("NFC", text.translate(FORMS))
    if language in BEFORE:
        text = BEFORE[language](text)
    text = LOOSE_JOINER.sub("", text.translate(CHARACTERS))
    text = without_loose_apostrophes(text, language)
    if policy == "plain":
        text = LOWER[language](text).lower() if language in LOWER else text.lower()
    return " ".join(unicodedata.normalize("NFC", text).split())


def without_marks(text: str) -> str:
    """Letters without accents, tones, diaereses and dots below; of Indic and Semitic scripts vowel signs go, too.

    The marks are those of general category Mn in the text's canonical decomposition (Unicode, NFD).
    """
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(part for part in parts if unicodedata.category(part) != "Mn"))


def read_out(text: str) -> str:
    """The digits and symbols of a normalised text whose spoken form is not in it, each once, sorted."""
    return "".join(sorted({character for character in text if not _is_spelling(character)}))


def _is_spelling(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM" or character in f" '{JOINERS}"
