"""Scripts of letters: which ones a language is written in, and what in its transcripts is written in others.

A letter's script is the first word of its Unicode name (LATIN SMALL LETTER A). Digits, marks and signs have none.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache

LANGUAGES = {
    "LATIN": "af br ca cs cy da de en es et eu fi fr ga gl hr hu id is it lt lv ms mt nl no pl pt ro sk sl sq sv sw "
    "tr vi",
    "CYRILLIC": "ab ba be bg cv kk ky mk mn ru sah tt uk",
    "ARABIC": "ar ckb fa ps ur",
}
SCRIPT_OF = {language: script for script, languages in LANGUAGES.items() for language in languages.split()}
LEAST_SHARE = 0.05  # of all letters: a script of a language that has no entry above


@cache
def script(character: str) -> str:
    """LATIN, CYRILLIC, CJK ...; empty for what is no letter of one script."""
    if unicodedata.category(character)[0] != "L" or unicodedata.category(character) == "Lm":
        return ""
    return re.split(r"[ -]", unicodedata.name(character, "UNNAMED"))[0]


def expected_scripts(characters: Mapping[str, int], language: str) -> set[str]:
    """What ``language`` is written in: known, or every script with a fair share of the letters counted."""
    base = re.split("[-_]", language)[0]  # sv-SE
    if base in SCRIPT_OF:
        return {SCRIPT_OF[base]}
    counts: Counter[str] = Counter()
    for character, count in characters.items():
        counts[script(character)] += count
    del counts[""]
    return {name for name, count in counts.items() if count >= LEAST_SHARE * counts.total()}


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
