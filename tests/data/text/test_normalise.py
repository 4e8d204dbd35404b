"""Transcripts become what is spoken: the general rules and those of Dutch, Mongolian, Arabic and Turkish."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_bljust.data.text.normalise import normalise, read_out, without_marks

COMMON_VOICE = Path(__file__).parents[3].parent / "shared/corpora/commonvoice/cv-corpus-6.1-2020-12-11"
EXPECTED = [
    # general: form, case, punctuation, quotes, digits, spaces, invisible characters
    ("xx", "Cafe\u0301, déjà-vu!", "café déjà vu"),
    ("xx", "\u201cIt\u2019s\u201d \u2018fine\u2019 \u2014 isn\u00b4t it?", "it's fine isn't it"),
    ("xx", "soft\u00adhyphen zero\u200bwidth \ufeffmark", "softhyphen zerowidth mark"),
    ("xx", "  two \u00a0 words\t\n", "two words"),
    ("xx", "ＡＢＣ ﬁve", "abc five"),
    ("xx", "١٢٣ ۴۵ १२ ７", "123 45 12 7"),
    ("xx", "50% of €5 & more_", "50% of €5 & more"),
    ("xx", "...!?", ""),
    # Dutch
    ("nl", "\u2019s Avonds dronk ik \u2019n kop thee in \u2019t café.", "'s avonds dronk ik 'n kop thee in 't café"),
    ("nl", "Puppy\u2019s, auto's en foto`s", "puppy's auto's en foto's"),
    ("nl", "Hans\u2019 boek", "hans' boek"),
    ("nl", "\u2018Dat is van Hans\u2019, zei hij", "dat is van hans zei hij"),
    ("nl", "Ĳsland en IJmuiden, ĳs", "ijsland en ijmuiden ijs"),
    ("nl", "Hèt één, beïnvloed; Orato\u00adriënberg", "hèt één beïnvloed oratoriënberg"),
    # Mongolian: Cyrillic words with Latin or Greek look-alikes, makeshift letters, whole foreign words
    ("mn", "Өнөөдөр үзэв, Ви?", "өнөөдөр үзэв ви"),
    ("mn", "Moнгoл xyн", "монгол хун"),
    ("mn", "Yзэг γг", "үзэг үг"),
    ("mn", "θндθр ɵдөр öргөн єдєр їг", "өндөр өдөр өргөн өдөр үг"),
    ("mn", "Google ба йог", "google ба йог"),
    # Arabic: signs, tatweel, alef forms, digits, punctuation, presentation forms, Persian keyboard; spelling stays
    ("ar", "ح\u064eل\u064eق\u064e ب\u064eع\u0650يدا\u064b\u060c والل\u0651\u0670ه", "حلق بعيدا والله"),
    ("ar", "مـــرحبا\u061f", "مرحبا"),
    ("ar", "أن إلى آمن ٱلله ا\u0654ن", "ان الى امن الله ان"),
    ("ar", "مؤمن بيئة على", "مؤمن بيئة على"),
    ("ar", "١٩٨٤ ۵", "1984 5"),
    ("ar", "ﻻ ﺑﺎ ک ی", "لا با ك ي"),
    # others
    ("tr", "IĞDIR İstanbul", "ığdır istanbul"),
    ("fa", "می\u200cخواهم \u200c", "می\u200cخواهم"),
    ("tw", "M\u2019adwuma yɛ Ɛnyɛ", "m'adwuma yɛ ɛnyɛ"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "expected"), EXPECTED)
def test_rule(language, text, expected):
    assert normalise(text, language) == expected


def test_cased_keeps_capitals_and_as_is_keeps_all_but_spaces():
    assert normalise("Dat  is \u2019t, Ĳsland!", "nl", "cased") == "Dat is 't IJsland"
    assert normalise(" Dat  is \u2019t! ", "nl", "as_is") == "Dat is \u2019t!"


def test_numbers_and_symbols_are_found_and_spelling_is_not():
    assert read_out("50% van 5 naïeve 'n") == "%05"
    assert read_out(normalise("می\u200cخواهم", "fa")) == ""


@given(st.text(max_size=60), st.sampled_from(["nl", "mn", "ar", "tr", "en", "noinfo"]))
def test_any_text_comes_out_in_form_c_with_single_spaces(text, language):
    result = normalise(text, language)
    assert result == unicodedata.normalize("NFC", result) == " ".join(result.split())
    kept = " '%&@#\u200c\u200d\u2030\u00a7"
    marks = [character for character in result if unicodedata.category(character)[0] in "PZ" and character not in kept]
    assert not marks


@given(st.text(alphabet="aAoOpPcCxXyYеоаруүӨө'’IJij ĳ.٠١أآىـَ", max_size=30), st.sampled_from(["nl", "mn", "ar"]))
def test_normalising_twice_changes_nothing(text, language):
    assert normalise(normalise(text, language), language) == normalise(text, language)


@pytest.mark.skipif(not COMMON_VOICE.is_dir(), reason=f"Common Voice is not at {COMMON_VOICE}")
@pytest.mark.parametrize(("language", "letters"), [
    ("nl", "abcdefghijklmnoprstuvwyzèéë'"),
    ("mn", "абвгдежзийклмнопрстуфхцчшъыьэюяёүө"),
    ("ar", "ءؤئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي"),
])  # fmt: skip
def test_real_sentences_come_out_in_the_letters_of_their_alphabet(language, letters):
    lines = (COMMON_VOICE / language / "validated.tsv").read_text(encoding="utf-8").splitlines()[1:]
    found = {character for line in lines for character in normalise(line.split("\t")[2], language)}
    assert found - {" "} == set(letters)


@pytest.mark.parametrize(("text", "bare"), [
    ("ngá ítέi wá l apóa", "nga itεi wa l apoa"), ("bώ ndέ", "bω ndε"), ("ɛ\u0301ɔ\u0302", "ɛɔ"), ("Ọ̀gbẹ́ni", "Ogbeni"),
    ("tiếng Việt", "tieng Viet"), ("đ ł ø ß", "đ ł ø ß"), ("한국", "한국"), ("\u0627\u0650", "\u0627"), ("", ""),
])  # fmt: skip
def test_letters_stay_when_their_marks_go(text, bare):
    assert without_marks(text) == bare
