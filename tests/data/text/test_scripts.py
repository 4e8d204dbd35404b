"""Scripts of languages, and what does not belong to them."""

import pytest

from espnet_bljust.data.text.scripts import (
    character_table,
    expected_scripts,
    foreign_letters,
    named_scripts,
    script,
    scripts_in,
)
from espnet_bljust.errors import InputError


def test_script_of_a_letter_is_that_of_unicode_and_signs_have_none():
    assert [script(letter) for letter in "aжش漢かカ한ɔ"] == [
        "LATIN", "CYRILLIC", "ARABIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "LATIN"]  # fmt: skip
    assert [script(sign) for sign in " '5\u0301ー"] == [""] * 5


@pytest.mark.parametrize(("language", "scripts"), [
    ("nl", "LATIN"), ("sv-SE", "LATIN"), ("ja", "CJK HIRAGANA KATAKANA"), ("jpn", "CJK HIRAGANA KATAKANA"),
    ("zh_TW", "CJK BOPOMOFO"), ("ko-KR", "HANGUL CJK"), ("sr", "CYRILLIC LATIN"), ("sr-Latn", "LATIN"),
    ("az-Arab", "ARABIC"), ("mn-Mong", "MONGOLIAN"), ("hy", "ARMENIAN"),
])  # fmt: skip
def test_known_languages_have_their_scripts_whatever_is_counted(language, scripts):
    assert expected_scripts({"THAI": 100}, 100, language) == set(scripts.split())


def test_of_other_languages_the_share_of_transcripts_that_hold_a_letter_decides():
    assert expected_scripts({"LATIN": 100, "GREEK": 5, "CYRILLIC": 4}, 100, "mdw") == {"LATIN", "GREEK"}
    assert expected_scripts({}, 0, "noinfo") == set()
    assert scripts_in("bώ ndε 5' ー") == {"LATIN", "GREEK"}


def test_scripts_are_named_by_unicode_or_iso_and_others_are_refused():
    assert named_scripts(["latin", "Grek", "Han", "Jpan"]) == {"LATIN", "GREEK", "CJK", "HIRAGANA", "KATAKANA"}
    with pytest.raises(InputError, match="--scripts Klingon: no script that is known here"):
        named_scripts(["Klingon"])


def test_foreign_letters_are_listed_once_and_digits_are_none():
    assert foreign_letters("een жук en een жаба 5'", {"LATIN"}) == "абжку"


def test_table_counts_every_character_and_names_an_utterance():
    rows = character_table({"a": 2, "ж": 1, "b": 2}, {"a": "u1", "b": "u1", "ж": "u2"}, {"LATIN"}).splitlines()[1:]
    assert [row.split("\t")[:4] for row in rows] == [
        ["a", "U+0061", "2", "LATIN"],
        ["b", "U+0062", "2", "LATIN"],
        ["ж", "U+0436", "1", "CYRILLIC (not expected)"],
    ]
    assert rows[2].endswith("\tu2")
