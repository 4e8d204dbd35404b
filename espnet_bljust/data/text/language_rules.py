"""What `normalise.py` does besides for one language: rules on text in NFC, before case and punctuation go.

nl  ij as two letters (from the ligature, and without an accent on the j); 's 't 'n 'k 'm and such keep their
    apostrophe, and so does a genitive (Hans')
mn  in a word with a Cyrillic letter, Latin and Greek letters that look like Cyrillic ones are those; the makeshift
    letters of old keyboards (Ukrainian ye and yi, Latin barred o, umlauts) are the barred o and the straight u
ar  no diacritics, no tatweel, no joiners; one alef; Persian kaf and yeh are Arabic ones; teh marbuta, alef maqsura and
    hamza on waw and yeh stay, since they are spelling
tr, az  I is the capital of dotless i
Digits of any script become ASCII digits in `normalise.py`, for every language.
"""

import re
import unicodedata

DUTCH_IJ = {"\u0133": "ij", "\u0132": "IJ", "j\u0301": "j", "J\u0301": "J"}  # ligatures; j with an accent of its own
# what may begin with an apostrophe: des, het, een, ik, hem, haar, hij
DUTCH_CLITICS = "s|t|n|k|m|r|em|ie"

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
    return text.replace("I", "ı").replace("İ", "i")


BEFORE = {"nl": dutch, "mn": mongolian, "ar": arabic}
LOWER = {"tr": turkic, "az": turkic}
# Apostrophes that go; those between letters stay.
LOOSE_APOSTROPHE = re.compile(r"(?<![\w\u0300-\u036f])'|'(?!\w)")
CLOSING = re.compile(r"'(?!\w)")
DUTCH_OPENING = re.compile(rf"(?<!\w)'(?!(?i:{DUTCH_CLITICS})\b)")
DUTCH_CLOSING = re.compile(r"(?<![sxzSXZ])'(?!\w)")  # what follows s, x or z may be a genitive


def without_loose_apostrophes(text: str, language: str) -> str:
    """``text`` with quotation marks gone and apostrophes of spelling kept."""
    if language != "nl":
        return LOOSE_APOSTROPHE.sub(" ", text)
    words, quotations = DUTCH_OPENING.subn(" ", text)
    return (CLOSING if quotations else DUTCH_CLOSING).sub(" ", words)
