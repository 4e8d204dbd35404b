"""The language model's command: the units that the decoder will ask for, from training text alone."""

import pytest

from espnet_bljust.bin.make_ngram import get_parser, main
from espnet_bljust.data.text.arpa import arpa_order, arpa_words
from espnet_bljust.data.text.token_list import BpeOptions, write_bpe, write_token_list
from espnet_bljust.errors import InputError

TEXT = ["the cat sat on the mat", "a hat that the cat sat on", "cats and hats"]


def make(folder, lines=TEXT, **named):
    (folder / "text").write_text("".join(f"u{9 - number} {line}\n" for number, line in enumerate(lines)))
    named = {"unit": "token", "text": folder / "text", "out": folder / "lm/x.arpa",
             "token_list": folder / "tokens.txt", **named}
    main(get_parser().parse_args([item for name, value in named.items() for item in (f"--{name}", str(value))]))
    return folder / "lm/x.arpa"


def test_pieces_words_and_characters_are_the_models_words(tmp_path):
    tokens = ["<blank>", "<unk>", *write_bpe(TEXT, tmp_path, BpeOptions(20)), "<sos/eos>"]
    write_token_list(tmp_path / "tokens.txt", tokens)
    path = make(tmp_path, bpe_model=tmp_path / "bpe.model", order=4)
    assert set(arpa_words(path)) <= set(tokens) and arpa_order(path) == 4
    path = make(tmp_path, bpe_model=tmp_path / "bpe.model", unit="word")
    assert set(arpa_words(path)) == {word for line in TEXT for word in line.split()}
    write_token_list(tmp_path / "tokens.txt", ["<blank>", "<unk>", "<space>", "a", "t", "<sos/eos>"])
    assert arpa_words(make(tmp_path, token_type="char")) == ["<space>", "a", "t"]


def test_a_phone_of_white_space_has_a_name_that_arpa_can_hold(tmp_path):
    write_token_list(tmp_path / "tokens.txt", ["<blank>", "<unk>", " ", "AH", "B", "<sos/eos>"])
    assert arpa_words(make(tmp_path, token_type="phn", lines=["B AH   AH B", "AH"])) == ["<20>", "AH", "B"]


@pytest.mark.parametrize("order", [1, 7])
def test_an_order_that_lmplz_cannot_make_is_refused(tmp_path, order):
    with pytest.raises(InputError, match=f"--ngram_num {order}: not 2 to 6"):
        make(tmp_path, order=order)


def test_texts_that_are_not_there_or_not_text_are_named(tmp_path):
    write_token_list(tmp_path / "tokens.txt", ["<blank>", "<unk>", "a", "<sos/eos>"])
    with pytest.raises(InputError, match="none: no such text"):
        make(tmp_path, token_type="char", text=tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"a fine\nb f\xfcr\n")
    with pytest.raises(InputError, match="latin:2: not UTF-8"):
        make(tmp_path, token_type="char", text=tmp_path / "latin")


@pytest.mark.parametrize(("unknown", "unit"), [(1, "words"), (2, "tokens")])
def test_words_are_counted_where_fewer_than_two_percent_of_the_dev_set_s_are_unknown(tmp_path, unknown, unit, capsys):
    write_token_list(tmp_path / "tokens.txt", ["<blank>", "<unk>", "<space>", *"acdehmnorst", "<sos/eos>"])
    dev = ["cats and a hat on the mat sat the cat"] * 9 + [" ".join(["cat"] * (10 - unknown) + ["dog"] * unknown)]
    (tmp_path / "dev").write_text("".join(f"u{number} {line}\n" for number, line in enumerate(dev)))  # 100 words
    path = make(tmp_path, unit="auto", dev_text=tmp_path / "dev", token_type="char")
    said = capsys.readouterr().out
    assert f"3-grams of {unit} by" in said and f"{unknown}.0% of the dev set's words are not in its text" in said
    assert ("cats" in arpa_words(path)) == (unit == "words")


@pytest.mark.parametrize(("factors", "ids"), [
    ("0.9 1.0 1.1", ["sp0.9-", "", "sp1.1-"]),
    ("1.1 0.9", ["sp1.1-", "sp0.9-"]),
])  # fmt: skip
def test_copies_at_other_speeds_count_once(tmp_path, factors, ids):
    write_token_list(tmp_path / "tokens.txt", ["<blank>", "<unk>", "<space>", *"acdehmnorst", "<sos/eos>"])
    once = make(tmp_path, unit="word").read_bytes()
    copies = [f"{beginning}u{number} {line}\n" for beginning in ids for number, line in enumerate(TEXT)]
    (tmp_path / "copies").write_text("".join(copies))
    assert make(tmp_path, unit="word", text=tmp_path / "copies", speed_factors=factors).read_bytes() == once
    assert make(tmp_path, unit="word", text=tmp_path / "copies").read_bytes() != once


def test_tokens_are_counted_where_none_ends_a_word(tmp_path):
    write_token_list(tmp_path / "tokens.txt", ["<blank>", "<unk>", "AH", "B", "<sos/eos>"])
    (tmp_path / "dev").write_text("u1 B AH\n")
    path = make(tmp_path, unit="auto", dev_text=tmp_path / "dev", token_type="phn", lines=["B AH", "AH"])
    assert arpa_words(path) == ["AH", "B"]
    with pytest.raises(InputError, match="--unit auto: no dev set to look at"):
        make(tmp_path, unit="auto", token_type="phn", lines=["B AH", "AH"])
