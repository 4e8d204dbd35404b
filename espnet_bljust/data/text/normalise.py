"""Transcripts as what is spoken: one spelling of every letter, no case, no punctuation.

plain   1 Unicode NFC; full-width letters, Arabic presentation forms and Latin ligatures as plain letters; characters
          that nobody sees go (fillers, variation selectors, enclosing marks, format characters but for joiners)
        2 the language's own rules (language_rules.py)
        3 marks inside words stay, or leave the word whole (word_marks.py)
        4 curly and other single quotes and primes are the apostrophe '; it stays between two letters (apostrophes.py)
        5 digits of any script are ASCII digits; % & + = @ #, degree, section and currency signs stay: they are read out
        6 all other punctuation, symbols and separators are spaces
        7 small letters
        8 one space between words, none at the ends
cased   the same without 7
as_is   NFC and 8 alone
Numbers are not spelled out: what was said for "1984" is not in the text. `read_out` finds them, and callers may set
such utterances aside. `damaged` finds what stands for a character that was lost before we saw it.
"""

import re
import unicodedata

from espnet_bljust.data.text.language_rules import rules_of
from espnet_bljust.data.text.word_marks import (
    JOINERS,
    SINGLE_QUOTES,
    STAY,
    TONE_SIGNS,
    marks_of_words,
    without_loose_marks,
)

POLICIES = ("plain", "cased", "as_is")
APOSTROPHES = f"{SINGLE_QUOTES}\uff07\u1fbd\u1fbf"  # full-width; Greek koronis and psili
READ_OUT_SYMBOLS = "%\u2030&+=@#\u00b0\u00a7"
COMPATIBLE = ("<wide>", "<narrow>", "<initial>", "<medial>", "<final>", "<isolated>")
LIGATURES = {*range(0xFB00, 0xFB18), 0x0140, 0x013F, 0x0149, 0xFB4F}  # ff fi ...; Armenian; l and n with their mark
# Default_Ignorable_Code_Point of Unicode without the format characters (category Cf): fillers, variation selectors
INVISIBLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0, *range(0x180B, 0x1810),
             *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000)}  # fmt: skip
# the replacement character, halves of pairs, what is no character, NUL, controls of ISO 8859 (quotes of Windows-1252)
DAMAGED = re.compile("[\ufffd\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\0\x80-\x84\x86-\x9f]")
TONE_SIGN = re.compile(f"[{TONE_SIGNS}]")


class _Characters(dict):
    """For str.translate: what each character becomes, worked out when it is met first."""

    def __missing__(self, code: int) -> str:
        self[code] = result = _plain(chr(code))
        return result


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if character in APOSTROPHES:
        return "'"
    if character in READ_OUT_SYMBOLS or category == "Sc" or character in JOINERS + STAY:
        return character
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Sk" and TONE_SIGN.match(character):
        return character
    if category[0] in "ZPS" or category == "Cc":
        return " "
    return character


def _compatible(character: str) -> str:
    category = unicodedata.category(character)
    if ord(character) in INVISIBLE or category == "Me" or (category == "Cf" and character not in JOINERS):
        return ""
    if unicodedata.decomposition(character).startswith(COMPATIBLE) or ord(character) in LIGATURES:
        return "".join(map(_compatible, unicodedata.normalize("NFKC", character)))
    return character


class _Forms(dict):
    """The same for rule 1."""

    def __missing__(self, code: int) -> str:
        self[code] = result = _compatible(chr(code))
        return result


FORMS, CHARACTERS = _Forms(), _Characters()


def normalise(text: str, language: str, policy: str = "plain") -> str:
    """The words of ``text``; ``language``: any code of BCP 47 or ISO 639; one without rules gets the general ones."""
    text = unicodedata.normalize("NFC", text)
    if policy == "as_is":
        return " ".join(text.split())
    rules = rules_of(language)
    text = rules.before(unicodedata.normalize("NFC", text.translate(FORMS)))
    text = without_loose_marks(marks_of_words(text).translate(CHARACTERS))
    text = rules.edges(text)
    if policy == "plain":
        text = rules.lower(text)
    return " ".join(unicodedata.normalize("NFC", rules.after(text)).split())


def damaged(text: str) -> str:
    """What stands in ``text`` for a lost character, each once as U+XXXX, between spaces."""
    return " ".join(sorted({f"U+{ord(character):04X}" for character in DAMAGED.findall(text)}))


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
    if unicodedata.category(character)[0] in "LM" or character in f" ':{JOINERS}{STAY}":
        return True
    return bool(TONE_SIGN.match(character))
