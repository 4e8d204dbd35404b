"""Transcripts become what is spoken: the general rules and those of Dutch, Mongolian, Arabic and Turkish."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_bljust.data.text.normalise import damaged, normalise, read_out, without_marks

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
INSIDE_WORDS = [
    # joiners beside virama and vowel sign: Hindi, Marathi, Bengali, Sinhala, Malayalam, Kannada, Persian
    ("hi", "क्\u200dष", "क्\u200dष"),
    ("mr", "दुसर्\u200dया", "दुसर्\u200dया"),
    ("bn", "র\u200d্যাব, উদ্\u200cযাপন।", "র\u200d্যাব উদ্\u200cযাপন"),
    ("si", "ශ්\u200dරී ලංකා", "ශ්\u200dරී ලංකා"),
    ("ml", "അവന്\u200d വന്നു.", "അവന്\u200d വന്നു"),
    ("kn", "ಬಸ್\u200cನಲ್ಲಿ ಬಾ\u200cರ", "ಬಸ್\u200cನಲ್ಲಿ ಬಾ\u200cರ"),
    ("fa", "کتاب\u200c\u200cها \u200cو", "کتاب\u200cها و"),
    ("de", "Auf\u200clage \U0001f469\u200d\U0001f469", "auflage"),  # beside Latin letters and in emoji: no spelling
    # Armenian, Catalan, Hebrew and Yiddish, Uzbek, Hawaiian, Tongan
    ("hy", "Ինչո՞ւ չեկար։ Օ՜հ, մի՛", "ինչու չեկար օհ մի"),
    ("ca", "Pel·lícula, excel·lent; «col.legi» pa\u0140lid", "pel·lícula excel·lent col·legi pal·lid"),
    ("oc", "in·hèrn · e", "in·hèrn e"),
    ("zh", "卡尔·马克思", "卡尔 马克思"),  # between Chinese letters it parts names
    ("he", "צה״ל צה\"ל ג׳ירפה צ'יפס סנדוויץ׳ \"שלום\"", "צה״ל צה״ל ג׳ירפה צ׳יפס סנדוויץ׳ שלום"),
    ("yi", "אַזאַ ת״ח", "אַזאַ ת״ח"),
    ("uz", "bogʻ tog\u2018 O'zbek ma\u02bcno", "bogʻ togʻ oʻzbek ma'no"),
    ("haw", "ʻŌlelo Hawai\u2018i, 'aina", "ʻōlelo hawaiʻi ʻaina"),
    ("haw", "\u2018aloha\u2019 mai", "aloha mai"),
    ("to", "faka'uli", "fakaʻuli"),
    # apostrophes: Ukrainian, French, Breton, Assamese after a vowel sign, Afrikaans, Italian, Maltese, Hausa, Navajo
    ("uk", "М\u2019ята м\"яч сім\u02bcя", "м'ята м'яч сім'я"),
    ("fr", "Aujourd\u2019hui, l´eau", "aujourd'hui l'eau"),
    ("br", "C\u2019hoar ar c\u02bchi", "c'hoar ar c'hi"),
    ("as", "দু'টি হ'ল", "দু'টি হ'ল"),
    ("af", "Dit is \u2019n ŉ boek", "dit is 'n 'n boek"),
    ("it", "Un po\u2019 d\u2019acqua", "un po' d'acqua"),
    ("it", "Disse \u2018un poco\u2019 a lui", "disse un poco a lui"),
    ("mt", "ta\u2019 Malta", "ta' malta"),
    ("ha", "'Yan ƙasa", "'yan ƙasa"),
    ("nv", "Dinéʼ tó", "diné' tó"),
    ("xx", "Dinéʼ tó ʼ", "dinéʼ tó"),
    # Swedish and Finnish endings, Tibetan, Burmese, tatweel, tone signs, a click, hyphenation point
    ("sv", "EU:s k:a: 12:30", "eu:s k:a 12 30"),
    ("fi", "USA:ssa, huom: ei", "usa:ssa huom ei"),
    ("bo", "བཀྲ་ཤིས་ བདེ་ལེགས།", "བཀྲ་ཤིས བདེ་ལེགས"),
    ("my", "၎င်း၏ စာ။", "၎င်း၏ စာ"),
    ("fa", "ســلام", "سلام"),
    ("xx", "a\ua78ab \ua789 na\ua789", "a\ua78ab na\ua789"),
    ("naq", "!Gâ ||khaa!", "ǃgâ ǁkhaa"),
    ("en", "syl\u2027la\u2027ble", "syllable"),
    # invisible characters that are no format characters
    ("en", "yes\ufe0f no\u20e3 1\ufe0f\u20e3", "yes no 1"),
    ("ko", "예\u3164 아니\u115f오\uffa0", "예 아니오"),
    ("mn-Mong", "ᠪᠢ\u180b ᠨᠢ\u034f", "ᠪᠢ ᠨᠢ"),
]


@pytest.mark.parametrize(("language", "text", "expected"), INSIDE_WORDS)
def test_marks_inside_words_stay_or_leave_the_word_whole(language, text, expected):
    assert normalise(text, language) == expected
    assert normalise(expected, language) == expected


def test_what_stands_for_a_lost_character_is_found():
    assert damaged("caf\ufffd l\x92eau \ufffd") == "U+0092 U+FFFD"
    assert damaged("all\u2028 is\x85 w\u00e9ll\n") == ""


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
    kept = " '%&@#\u200c\u200d\u2030\u00a7·\u05f3\u05f4\u0f0b\u104c\u104d\u104e\u104f"
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
