"""Scripts of languages, and what does not belong to them."""

from collections import Counter

from espnet_bljust.data.text.scripts import character_table, expected_scripts, foreign_letters, script


def test_script_of_a_letter_is_that_of_unicode_and_signs_have_none():
    assert [script(letter) for letter in "aжش漢かカ한ɔ"] == [
        "LATIN", "CYRILLIC", "ARABIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "LATIN"]  # fmt: skip
    assert [script(sign) for sign in " '5\u0301ー"] == [""] * 5


def test_known_languages_have_their_script_and_others_what_most_letters_are():
    assert expected_scripts(Counter("жжж"), "nl") == {"LATIN"}
    assert expected_scripts({}, "sv-SE") == {"LATIN"}
    assert expected_scripts(Counter("漢" * 50 + "か" * 50 + "a"), "ja") == {"CJK", "HIRAGANA"}
    assert expected_scripts(Counter("12 '"), "noinfo") == set()


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
