"""What `normalise.py` does besides for one language: rules on text in NFC, before case and punctuation go.

`RULES` names them by base code (language_code.py); every other language has GENERAL. Digits of any script become ASCII
digits and marks inside words stay (word_marks.py) for every language.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from espnet_bljust.data.text.apostrophes import (
    dutch_edges,
    okina,
    only_between_letters,
    typed_as_quotation_marks,
    unless_they_quote,
    uzbek,
)
from espnet_bljust.data.text.language_code import base_language, is_language
from espnet_bljust.data.text.word_marks import WORD

Rewrite = Callable[[str], str]

DUTCH_IJ = {"\u0133": "ij", "\u0132": "IJ", "j\u0301": "j", "J\u0301": "J"}  # ligatures; j with an accent of its own

CYRILLIC_WORD = re.compile(r"\b(?=\w*[\u0400-\u04ff])\w*[^\W\d_\u0400-\u04ff]\w*\b")  # with other letters besides
LOOK_ALIKES = str.maketrans(
    # Latin capitals, Latin small letters, Greek capitals, Greek small letters, makeshift letters
    "ABCEHKMOPTXY" "aceopxy" "ΑΒΕΗΚΜΟΡΤΧΥΘϴ" "ορυγθ" "ËëÖöÜü\u019f\u0275",
    "АВСЕНКМОРТХҮ" "асеорху" "АВЕНКМОРТХҮӨӨ" "орүүө" "ЁёӨөҮү\u04e8\u04e9",
)
MAKESHIFT = str.maketrans("ЄєЇї", "ӨөҮү")  # Cyrillic themselves, so that they may stand in any word

ARABIC_SIGNS = re.compile(  # vowels, hamza and madda above, Koranic signs, superscript alef; tatweel; joiners
    "[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640\u200c\u200d]"
)
ARABIC_LETTERS = str.maketrans(  # alef with madda, hamza above, hamza below, wasla; kaf, yeh, three forms of heh
    "\u0622\u0623\u0625\u0671\u06a9\u06cc\u06d5\u06be\u06c1",
    "\u0627\u0627\u0627\u0627\u0643\u064a\u0647\u0647\u0647",
)
CATALAN_DOT = re.compile(r"(?<=[lL])[.\u2022\u2024\u2219\u22c5\u30fb](?=[lL])")  # typed for the middle dot
COLON = re.compile(rf"(?<=[{WORD}]):(?=[^\W\d_])")
LETTER_COLON = "\ua789"  # a sign of words, which a colon is until punctuation is gone
CLICKS = (("||", "ǁ"), ("|", "ǀ"), ("!", "ǃ"), ("\u2021", "ǂ"), ("\u2260", "ǂ"))


class Rules(NamedTuple):
    """Of a language: in a few words, and as what is done before, while and after case and punctuation go."""

    says: str
    before: Rewrite = str
    edges: Rewrite = only_between_letters  # apostrophes: ' alone
    lower: Rewrite = str.lower
    after: Rewrite = str


def dutch(text: str) -> str:
    """ij in two letters."""
    for special, plain in DUTCH_IJ.items():
        text = text.replace(special, plain)
    return text


def mongolian(text: str) -> str:
    """Cyrillic letters alone in every word that has one."""
    return CYRILLIC_WORD.sub(lambda word: word[0].translate(LOOK_ALIKES), text.translate(MAKESHIFT))


def arabic(text: str) -> str:
    """Letters without signs, one form each."""
    return unicodedata.normalize("NFC", ARABIC_SIGNS.sub("", text.translate(ARABIC_LETTERS)))


def turkic(text: str) -> str:
    """Small letters with Turkish dots."""
    return text.replace("I", "ı").replace("İ", "i").lower()


def catalan(text: str) -> str:
    """l·l, however the dot was typed."""
    return CATALAN_DOT.sub("·", text)


def colon_in_words(text: str) -> str:
    """A colon between a word and its ending as a sign of words, until `plain_colon`."""
    return COLON.sub(LETTER_COLON, text)


def plain_colon(text: str) -> str:
    """The colon again."""
    return text.replace(LETTER_COLON, ":")


def clicks(text: str) -> str:
    """Click letters of Khoisan languages that were typed as punctuation: before a letter."""
    for typed, letter in CLICKS:
        text = re.sub(rf"{re.escape(typed)}(?=[^\W\d_])", letter, text)
    return text


EDGES = "apostrophes at the edge of a word stay unless they quote"
COLONS = Rules("a colon between a word and its ending stays", before=colon_in_words, after=plain_colon)
RULES = {
    "nl": Rules("ij in two letters, 's 't 'n 'k keep their apostrophe", before=dutch, edges=dutch_edges),
    **dict.fromkeys("af fy li vls zea".split(), Rules("'n 't 'k keep their apostrophe", edges=dutch_edges)),
    "mn": Rules("Cyrillic words without Latin and Greek look-alikes", before=mongolian),
    "ar": Rules("no vowel signs, one alef, Arabic kaf and yeh", before=arabic),
    **dict.fromkeys("tr az crh gag".split(), Rules("I is the capital of dotless i", lower=turkic)),
    "ca": Rules("l·l however its dot is typed", before=catalan),
    **dict.fromkeys("sv fi se smn sms".split(), COLONS),
    **dict.fromkeys("moh one".split(), COLONS._replace(says=f"{COLONS.says}; {EDGES}", edges=unless_they_quote)),
    **dict.fromkeys("uk be".split(), Rules("quotation marks inside words are apostrophes",
                                           before=typed_as_quotation_marks)),
    **dict.fromkeys("uz kaa".split(), Rules("oʻ and gʻ however their mark is typed", before=uzbek)),
    **dict.fromkeys("haw to sm ty rar wls fud".split(), Rules("every apostrophe before a vowel is the okina ʻ",
                                                              before=okina)),
    **dict.fromkeys("naq ktz nmn huc ngh hgm".split(), Rules("clicks typed as ! | || are letters", before=clicks)),
    # elisions, clitics and glottal stops at the edge of words
    **dict.fromkeys("it mt gd gv kw cy br oc ast an sc co nap scn vec pms lmo fur el mk ha tl ceb ilo pam bik nv apw "
                    "yua quc kek mam tzo tzh ch vro krl olo vep qu gn".split(), Rules(EDGES, edges=unless_they_quote)),
}  # fmt: skip
GENERAL = Rules("the general rules alone")


def rules_of(language: str) -> Rules:
    """Those of any code of a language."""
    return RULES.get(base_language(language), GENERAL)


def said_of(language: str) -> str:
    """One line on which rules a code gets."""
    base = base_language(language)
    if base in RULES:
        return f"language {language}: the general rules and those of {base}: {RULES[base].says}"
    if is_language(language):
        return f"language {language}: the general rules; {base} has none of its own"
    return f"language {language}: no code of BCP 47 or ISO 639, so the general rules alone (--lang nl, say)"
