"""Which apostrophes are spelling: the one between two letters in every language, those at the edges in some.

A quotation opens before a word and closes after one; a text with both has quoted, so that what stands at the edges of
its words goes. Only the functions for `edges` expect every single quote and prime as ' (normalise.py makes them so).
"""

import re

from espnet_bljust.data.text.word_marks import DOUBLE_QUOTES, MODIFIER_APOSTROPHES, SINGLE_QUOTES, WORD

OPENING = re.compile(rf"(?<![{WORD}'])'(?=[{WORD}])")
CLOSING = re.compile(rf"(?<=[{WORD}])'(?![{WORD}'])")
EDGE = re.compile(rf"(?<![{WORD}])'|'(?![{WORD}])")
ALONE = re.compile(rf"(?<![{WORD}])'(?![{WORD}])")
# what may begin with an apostrophe in Dutch and its neighbours: des, het, een, ik, hem, haar, hij
DUTCH_CLITICS = "s|t|n|k|m|r|em|ie"
DUTCH_OPENING = re.compile(rf"(?<![{WORD}])'(?!(?i:{DUTCH_CLITICS})\b)")
DUTCH_CLOSING = re.compile(rf"(?<![sxzSXZ])'(?![{WORD}])")  # what follows s, x or z may be a genitive
ANY_CLOSING = re.compile(rf"'(?![{WORD}])")
CYRILLIC_QUOTE = re.compile(f"(?<=[\u0400-\u04ff])[{DOUBLE_QUOTES}](?=[\u0400-\u04ff])")
PLAIN = str.maketrans(dict.fromkeys(MODIFIER_APOSTROPHES, "'"))
OKINA = "\u02bb"
TYPED = f"[{SINGLE_QUOTES}{MODIFIER_APOSTROPHES}{OKINA}]"
UZBEK = re.compile(rf"(?<=[oOgG]){TYPED}")
OKINA_INSIDE = re.compile(rf"(?<=[{WORD}]){TYPED}(?=[^\W\d_])")
OKINA_FIRST = re.compile(rf"(?<![{WORD}]){TYPED}(?=(?i:[aeiouāēīōū]))")
QUOTE_CLOSES = re.compile(rf"(?<=[{WORD}])[{SINGLE_QUOTES}](?![{WORD}])")


def only_between_letters(text: str) -> str:
    """Every other apostrophe is a quotation mark."""
    return EDGE.sub(" ", text)


def unless_they_quote(text: str) -> str:
    """Apostrophes at the edges of words stay in a text that does not both open and close with them."""
    text = text.translate(PLAIN)
    if OPENING.search(text) and CLOSING.search(text):
        return EDGE.sub(" ", text)
    return ALONE.sub(" ", text)


def dutch_edges(text: str) -> str:
    """'s, 't, 'n and such stay, and so does a genitive (Hans') where nothing is quoted."""
    words, quotations = DUTCH_OPENING.subn(" ", text.translate(PLAIN))
    return (ANY_CLOSING if quotations else DUTCH_CLOSING).sub(" ", words)


def typed_as_quotation_marks(text: str) -> str:
    """A double quotation mark inside a Cyrillic word is the apostrophe."""
    return CYRILLIC_QUOTE.sub("'", text)


def uzbek(text: str) -> str:
    """oʻ and gʻ with the turned comma of the alphabet."""
    return UZBEK.sub(OKINA, text)


def okina(text: str) -> str:
    """The okina between letters and, where nothing is quoted, before a vowel at the start of a word."""
    text = OKINA_INSIDE.sub(OKINA, text)
    return text if QUOTE_CLOSES.search(text) else OKINA_FIRST.sub(OKINA, text)
