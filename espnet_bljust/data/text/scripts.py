"""Scripts of letters: which ones a language is written in, and what in its transcripts is written in others.

A letter's script is the first word of its Unicode name (LATIN SMALL LETTER A). Digits, marks and signs have none.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import cache

from espnet_bljust.data.text.language_code import base_language, script_subtag
from espnet_bljust.errors import InputError

# ISO 15924 and the names that letters have
SCRIPTS = {
    "Latn": "LATIN", "Cyrl": "CYRILLIC", "Arab": "ARABIC", "Grek": "GREEK", "Hebr": "HEBREW", "Armn": "ARMENIAN",
    "Geor": "GEORGIAN", "Deva": "DEVANAGARI", "Beng": "BENGALI", "Guru": "GURMUKHI", "Gujr": "GUJARATI",
    "Orya": "ORIYA", "Taml": "TAMIL", "Telu": "TELUGU", "Knda": "KANNADA", "Mlym": "MALAYALAM", "Sinh": "SINHALA",
    "Thai": "THAI", "Laoo": "LAO", "Mymr": "MYANMAR", "Khmr": "KHMER", "Tibt": "TIBETAN", "Mong": "MONGOLIAN",
    "Ethi": "ETHIOPIC", "Thaa": "THAANA", "Syrc": "SYRIAC", "Tfng": "TIFINAGH", "Nkoo": "NKO", "Adlm": "ADLAM",
    "Vaii": "VAI", "Olck": "OL", "Mtei": "MEETEI", "Cher": "CHEROKEE", "Cans": "CANADIAN", "Yiii": "YI", "Lisu": "LISU",
    "Java": "JAVANESE", "Bali": "BALINESE", "Sund": "SUNDANESE", "Bugi": "BUGINESE", "Copt": "COPTIC",
    "Hani": "CJK", "Hans": "CJK BOPOMOFO", "Hant": "CJK BOPOMOFO", "Hira": "HIRAGANA", "Kana": "KATAKANA",
    "Bopo": "BOPOMOFO", "Jpan": "CJK HIRAGANA KATAKANA", "Hang": "HANGUL", "Kore": "HANGUL CJK",
}  # fmt: skip
ALSO = {"HAN": "CJK"}  # another name of one
LANGUAGES = {
    "LATIN": "af br ca cs cy da de en eo es et eu fi fo fr fy ga gd gl hr hu id is it lb lt lv ms mt nb nl nn no pl pt "
    "ro sk sl sq sv sw tl tr vi",
    "CYRILLIC": "ab ba be bg ce cv ky mk mn os ru sah tg tt udm uk",
    "ARABIC": "ar azb ckb fa pnb ps sd ug ur",
    "CYRILLIC LATIN": "bs kk sr uz",
    "LATIN CYRILLIC": "az tk",
    "CJK HIRAGANA KATAKANA": "ja",
    "CJK BOPOMOFO": "gan hak hsn nan wuu yue zh",
    "HANGUL CJK": "ko",
    "GREEK": "el", "HEBREW": "he yi", "ARMENIAN": "hy", "GEORGIAN": "ka", "THAANA": "dv", "ETHIOPIC": "am ti",
    "DEVANAGARI": "hi mr ne", "BENGALI": "as bn", "GURMUKHI": "pa", "GUJARATI": "gu", "ORIYA": "or", "TAMIL": "ta",
    "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "THAI": "th", "LAO": "lo", "MYANMAR": "my",
    "KHMER": "km", "TIBETAN": "bo dz",
}  # fmt: skip
SCRIPTS_OF = {language: set(scripts.split()) for scripts, codes in LANGUAGES.items() for language in codes.split()}
LEAST_SHARE = 0.05  # of the transcripts: a script of a language that has no entry above


@cache
def script(character: str) -> str:
    """LATIN, CYRILLIC, CJK ...; empty for what is no letter of one script."""
    if unicodedata.category(character)[0] != "L" or unicodedata.category(character) == "Lm":
        return ""
    return re.split(r"[ -]", unicodedata.name(character, "UNNAMED").removeprefix("HALFWIDTH "))[0]


def scripts_in(text: str) -> set[str]:
    """Those of which ``text`` holds a letter."""
    return {script(character) for character in set(text)} - {""}


def expected_scripts(holding: Mapping[str, int], total: int, language: str) -> set[str]:
    """What ``language`` is written in: said by its code (sr-Latn), known, or what enough transcripts hold.

    holding: script -> transcripts that hold a letter of it, of ``total``. A share of the letters would not do: half of
    the transcripts may hold the one letter that a language takes from another script.
    """
    if named := SCRIPTS.get(script_subtag(language)):
        return set(named.split())
    if base_language(language) in SCRIPTS_OF:
        return SCRIPTS_OF[base_language(language)]
    return {name for name, count in holding.items() if count >= LEAST_SHARE * total}


def named_scripts(names: Iterable[str]) -> set[str]:
    """Scripts by a user's names of them: Latin, Greek, Han, or ISO 15924's Latn, Grek ..."""
    known = {word for words in SCRIPTS.values() for word in words.split()}
    found: set[str] = set()
    for name in names:
        words = SCRIPTS.get(name.title()) or ALSO.get(name.upper(), name.upper())
        if not known.issuperset(words.split()):
            raise InputError(f"--scripts {name}: no script that is known here. Known: {', '.join(sorted(known))}.")
        found.update(words.split())
    return found


def said_of_foreign(letters: Mapping[str, int], count: int, total: int, expected: Collection[str]) -> str:
    """What was set aside for its letters, loudly. letters: letter -> transcripts; count: transcripts, of ``total``."""
    groups: dict[str, list[str]] = {}
    for letter, times in sorted(letters.items(), key=lambda item: (-item[1], item[0])):
        groups.setdefault(script(letter), []).append(f"{letter} {times}")
    shown = "; ".join(f"{name}: {', '.join(held[:5] + ['...'] * (len(held) > 5))}" for name, held in groups.items())
    every = " ".join(name.title() for name in [*sorted(expected), *sorted(groups)])
    return (f"WARNING: {count} of {total} transcripts ({100 * count / total:.1f} %) are not learnt from, since they "
            f"hold letters other than {', '.join(sorted(expected))} ({shown}). If those belong to the language: "
            f"--local_data_opts \"--scripts '{every}'\"")


def foreign_letters(text: str, expected: set[str]) -> str:
    """The letters of ``text`` outside ``expected``, each once, sorted."""
    return "".join(sorted(letter for letter in set(text) if script(letter) and script(letter) not in expected))


def character_table(counts: Mapping[str, int], examples: Mapping[str, str], expected: set[str]) -> str:
    """For people: every character with its count, an utterance that has it, and whether it is expected."""
    lines = ["character\tcode\tcount\tscript\tname\texample"]
    for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        name = script(character) or "-"
        note = name if name == "-" or name in expected else f"{name} (not expected)"
        fields = [character, f"U+{ord(character):04X}", str(count), note, unicodedata.name(character, "?")]
        lines.append("\t".join([*fields, examples[character]]))
    return "\n".join(lines) + "\n"
