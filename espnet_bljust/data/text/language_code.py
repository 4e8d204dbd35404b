"""The code that rules go by: one for every way to write a language's code.

tr, TR, tr_tr, tr-TR, tur and tr_TR.UTF-8 are tr: BCP 47 tags and ISO 639-1, -2 and -3 codes, as the registries behind
`langcodes` name them. Standard forms go with their macrolanguage, as Unicode's CLDR has it (arb: ar, khk: mn).
"""

from functools import cache

import langcodes

OF_ANOTHER_SCRIPT = {"azb"}  # South Azerbaijani is written in Arabic letters; its macrolanguage here in Latin ones
AS_THEY_ARE = {"fil": "tl", "ak": "tw"}  # CLDR's name of a language and the one in use among corpora


@cache
def base_language(code: str) -> str:
    """The base code of ``code`` (ISO 639-1, else 639-3); for what is no code, what stands before its first sign."""
    tag = code.strip().split(".")[0].split("@")[0]  # a locale's encoding and modifier
    language = _parsed(tag)
    if language is None or not language.is_valid():
        return tag.replace("_", "-").split("-")[0].lower()
    if language.language in OF_ANOTHER_SCRIPT:
        return language.language
    base = language.prefer_macrolanguage().language or ""
    return AS_THEY_ARE.get(base, base)


def is_language(code: str) -> bool:
    """Whether the registries know ``code``."""
    language = _parsed(code.strip().split(".")[0].split("@")[0])
    return language is not None and language.is_valid() and language.language not in (None, "und")


@cache
def script_subtag(code: str) -> str:
    """The script that ``code`` itself names, by ISO 15924 (sr-Latn: Latn); else empty."""
    language = _parsed(code.strip().split(".")[0].split("@")[0])
    return (language.script or "") if language is not None else ""


def _parsed(tag: str) -> langcodes.Language | None:
    try:
        return langcodes.Language.get(tag)
    except langcodes.LanguageTagError:
        return None
