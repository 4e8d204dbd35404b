"""One base code for every way to write a language; expected from the registries of BCP 47 and ISO 639."""

import pytest

from espnet_bljust.data.text.language_code import base_language, is_language, script_subtag
from espnet_bljust.data.text.language_rules import GENERAL, RULES, rules_of, said_of
from espnet_bljust.data.text.normalise import normalise


@pytest.mark.parametrize(("codes", "base"), [
    ("tr TR tr_tr tr-TR tur tr_TR.UTF-8 tr-Latn-TR", "tr"), ("ar ar_eg arb ara ar-SA", "ar"),
    ("nl_nl nld dut nl-BE", "nl"), ("mn-MN khk mon", "mn"), ("az_az azj aze", "az"), ("azb", "azb"),
    ("iw heb he-IL", "he"),
    ("cmn zh_TW zho chi", "zh"), ("sr_RS@latin srp", "sr"), ("mdw", "mdw"), ("tw twi", "tw"), ("fil tgl tl", "tl"),
    ("noinfo", "noinfo"), ("xx-YY", "xx"),
])  # fmt: skip
def test_every_way_to_write_a_language_is_one_code(codes, base):
    assert {base_language(code) for code in codes.split()} == {base}


def test_rules_are_named_by_base_codes_and_belong_to_every_spelling_of_a_code():
    assert [code for code in RULES if base_language(code) != code] == []
    assert normalise("KIRMIZI IŞIK", "tur") == "kırmızı ışık" == normalise("KIRMIZI IŞIK", "tr_TR")
    assert rules_of("ar_eg") is RULES["ar"] and rules_of("swh") is GENERAL


def test_what_stage_1_says_names_the_rules_and_what_is_no_code():
    assert said_of("nl_nl").startswith("language nl_nl: the general rules and those of nl: ij in two letters")
    assert said_of("sw") == "language sw: the general rules; sw has none of its own"
    assert "no code of BCP 47" in said_of("noinfo")
    assert not is_language("turkish") and not is_language("und") and script_subtag("uz_Cyrl_UZ") == "Cyrl"
