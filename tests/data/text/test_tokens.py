from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_bljust.bin.make_tokens import get_parser, main
from espnet_bljust.data.kaldi.tables import write_table
from espnet_bljust.data.text.token_list import BpeOptions, Symbols, count_tokens, train_bpe, write_token_list
from espnet_bljust.data.text.tokens import BpeSplitter, load_tokenizer, read_token_list
from espnet_bljust.errors import InputError

TEXTS = ["YES NO", "GO STOP YES", "ENTER FIVE NINE", "<noise> NO É", "RUBOUT  G M E F THREE NINE"]
TYPES = ["char", "word", "phn", "bpe"]

words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)
sentences = st.lists(words, min_size=1, max_size=6).map(" ".join)


def make(tmp_path, token_type, *more, texts=TEXTS):
    write_table(tmp_path / "text", {f"u{index:02d}": text for index, text in enumerate(texts)})
    out = tmp_path / token_type
    main(
        get_parser().parse_args(
            ["--text", str(tmp_path / "text"), "--out_dir", str(out), "--token_type", token_type, *more]
        )
    )
    return out


@pytest.mark.parametrize("token_type", ["char", "word"])
def test_the_list_is_blank_unk_tokens_by_falling_count_then_code_point_sos_eos(token_type, tmp_path):
    vocabulary = read_token_list(make(tmp_path, token_type) / "tokens.txt")
    counts = Counter()
    for text in TEXTS:
        counts.update(text.split() if token_type == "word" else ["<space>" if c == " " else c for c in text])
    pairs = sorted((-count, token) for token, count in counts.items())
    assert vocabulary == ["<blank>", "<unk>", *(token for _, token in pairs), "<sos/eos>"]


@pytest.mark.parametrize("token_type", TYPES)
def test_made_twice_the_files_are_the_same_to_the_byte_in_any_order_of_utterances(token_type, tmp_path, tree):
    texts = [text.replace("  ", " ") for text in TEXTS]
    made = []
    for number, order in enumerate([texts, texts, texts[::-1]]):
        (tmp_path / str(number)).mkdir()
        made.append(tree(make(tmp_path / str(number), token_type, "--nbpe", "32", texts=order)))
    assert made[0] == made[1]
    assert made[0] == made[2] or token_type == "bpe", "SentencePiece may break ties by order"


def test_bpe_gives_a_list_of_nbpe_tokens_whose_ids_spell_the_text(tmp_path):
    out = make(tmp_path, "bpe", "--nbpe", "32")
    vocabulary = read_token_list(out / "tokens.txt")
    assert len(vocabulary) == 32 and (vocabulary[0], vocabulary[1], vocabulary[-1]) == ("<blank>", "<unk>", "<sos/eos>")
    tokenizer = load_tokenizer("bpe", out / "tokens.txt", out / "bpe.model")
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text)) == " ".join(text.split())
        assert tokenizer.unknown not in tokenizer.encode(text)


@given(text=sentences)
def test_char_word_and_phone_ids_spell_the_text_again(text):
    for token_type in ("char", "word", "phn"):
        tokenizer = load_tokenizer(token_type, Symbols().around(count_tokens([text], token_type)))
        ids = tokenizer.encode(text)
        special = {"<blank>", "<unk>", "<sos/eos>"} & set(text.split())
        assert special or (tokenizer.decode(ids) == text and min(ids) > 1)


@pytest.fixture(scope="module")
def bpe(tmp_path_factory):
    texts = ["ABCDE FGHIJ KLMNO", "ABC ABD KLM", "FGH IJ KLMNO ABCDE"]
    folder = tmp_path_factory.mktemp("bpe")
    (folder / "bpe.model").write_bytes(train_bpe(texts, BpeOptions(nbpe=20)))
    pieces = BpeSplitter(folder / "bpe.model").processor
    vocabulary = Symbols().around(pieces.id_to_piece(index) for index in range(3, pieces.get_piece_size()))
    return load_tokenizer("bpe", vocabulary, folder / "bpe.model")


@given(text=st.lists(st.text("ABCDEFGHIJKLMNO", min_size=1), min_size=1).map(" ".join))
def test_bpe_ids_spell_any_text_of_known_letters_again(text, bpe):
    assert bpe.decode(bpe.encode(text)) == text


# Thai and Lao sara am, Armenian ech yiwn, Afrikaans n, a Persian ligature, Korean jamo, a fraction, a joiner, a small l
COMPATIBILITY = ["น้ำ ทำ", "ນ້ຳ ຄຳ", "և եւ", "\u0149 boek", "ﷲ الله", "ㄱ ㅏ 가",
                 "½ cup ² m", "क्\u200dष", "ℓ Ⅳ ™ …", "pal\u0140lid"]


@pytest.mark.parametrize("mode", ["unigram", "bpe"])
def test_bpe_spells_characters_back_that_nfkc_would_replace(mode, tmp_path, capsys):
    out = make(tmp_path, "bpe", "--nbpe", "46", "--bpemode", mode, texts=COMPATIBILITY * 4)
    tokenizer = load_tokenizer("bpe", out / "tokens.txt", out / "bpe.model")
    assert [tokenizer.decode(tokenizer.encode(text)) for text in COMPATIBILITY] == COMPATIBILITY
    assert "WARNING" not in capsys.readouterr().out


def test_characters_that_bpe_cannot_spell_are_told_with_the_number_of_their_transcripts(tmp_path, capsys):
    texts = ["abc abd bad cab"] * 30 + ["abc é", "é bad ▁"]
    make(tmp_path, "bpe", "--nbpe", "11", "--bpe_char_cover", "0.98", texts=texts)
    assert "cannot spell, in so many transcripts: é (U+00E9) 2, ▁ (U+2581) 1." in capsys.readouterr().out


@given(texts=st.lists(sentences, min_size=1, max_size=4))
def test_a_token_list_reads_back_as_it_was_written(texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("list") / "tokens.txt"
    vocabulary = Symbols().around(count_tokens(texts, "char"))
    write_token_list(path, vocabulary)
    assert read_token_list(path) == vocabulary


def test_what_the_list_lacks_is_unk_and_specials_are_no_text():
    tokenizer = load_tokenizer("char", ["<blank>", "<unk>", "A", "<space>", "<sos/eos>"])
    assert tokenizer.encode("A B") == [2, 3, 1]
    assert tokenizer.decode([0, 3, 2, 0, 3, 2, 3, 4]) == "A A"


def test_non_linguistic_symbols_stay_whole(tmp_path):
    (tmp_path / "nlsyms").write_text("<noise>\n<n>\n\n")
    out = make(tmp_path, "char", "--nlsyms_txt", str(tmp_path / "nlsyms"))
    tokenizer = load_tokenizer("char", out / "tokens.txt", nlsyms_txt=tmp_path / "nlsyms")
    assert tokenizer.tokens("<noise> NO") == ["<noise>", "<space>", "N", "O"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<blank>\n<unk>\nA\nB\nA\n<sos/eos>\n", r"tokens\.txt:5: 'A' stands there twice"),
        (b"<blank>\n<unk>\n\nA\n<sos/eos>\n", r"tokens\.txt:3: a blank line"),
        (b"<blank>\n<unk>\n\xff\n<sos/eos>\n", r"tokens\.txt:3: not UTF-8"),
        (b"<blank>\n<unk>\n", "2 tokens"),
    ],
)
def test_a_bad_token_list_is_refused_with_file_and_line(content, message, tmp_path):
    (tmp_path / "tokens.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_tokenizer("char", tmp_path / "tokens.txt")


def test_bad_requests_are_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"--nbpe 500: SentencePiece refuses: .*Change --nbpe"):
        make(tmp_path, "bpe", "--nbpe", "500")
    with pytest.raises(InputError, match="two spaces in a row"):
        make(tmp_path, "phn")
    vocabulary = Symbols().around("AB")
    with pytest.raises(InputError, match="no SentencePiece model given"):
        load_tokenizer("bpe", vocabulary)
    with pytest.raises(InputError, match="no such SentencePiece model"):
        load_tokenizer("bpe", vocabulary, tmp_path / "absent.model")
    (tmp_path / "bad.model").write_text("no model")
    with pytest.raises(InputError, match="not a SentencePiece model"):
        load_tokenizer("bpe", vocabulary, tmp_path / "bad.model")
    with pytest.raises(InputError, match="--token_type syllable: not known"):
        load_tokenizer("syllable", vocabulary)


def real_texts(corpora):
    lines = (corpora / "an4" / "etc" / "an4_train.transcription").read_text().splitlines()
    return [line.split(" </s>")[0].removeprefix("<s> ") for line in lines[:200]]


@pytest.mark.slow
@pytest.mark.parametrize("token_type", TYPES)
@pytest.mark.parametrize("source", ["generated", "real"])
def test_ids_and_text_are_those_of_espnets_own_tokenizers(token_type, source, tmp_path, request):
    build = pytest.importorskip("espnet2.text.build_tokenizer").build_tokenizer
    converter = pytest.importorskip("espnet2.text.token_id_converter").TokenIDConverter
    if source == "generated":
        texts = [text.replace("  ", " ") for text in TEXTS]
    else:
        texts = real_texts(request.getfixturevalue("corpora"))
    out = make(tmp_path, token_type, "--nbpe", "32", texts=texts)
    model = str(out / "bpe.model") if token_type == "bpe" else None
    ours = load_tokenizer(token_type, out / "tokens.txt", model)
    theirs, ids = build(token_type, bpemodel=model), converter(out / "tokens.txt")
    assert ids.token_list == ours.vocabulary
    for text in [*texts, "UNSEEN ẞ words", "A   B"]:
        expected = ids.tokens2ids(theirs.text2tokens(text))
        assert ours.encode(text) == expected
        if token_type != "phn":  # ESPnet joins phones without spaces
            assert ours.decode(expected) == theirs.tokens2text(ids.ids2tokens(expected)).strip()


def test_training_counts_phones_as_units_and_anything_else_by_characters(tmp_path):
    phones = load_tokenizer("phn", ["<blank>", "<unk>", "sil", "ax", "<sos/eos>"])
    assert list(phones.spell([2, 0, 3, 4])) == ["sil", "ax"]
    words = load_tokenizer("word", ["<blank>", "<unk>", "sil", "ax", "<sos/eos>"])
    assert list(words.spell([2, 0, 3, 4])) == list("sil ax")


def test_unk_in_the_transcripts_is_the_unknown_token_of_bpe_too(tmp_path):
    texts = ["yes <unk> no", "<unk> stop", "go stop yes no"]
    out = make(tmp_path, "bpe", "--nbpe", "13", "--bpe_nlsyms", "<unk>", texts=texts * 3)
    vocabulary = read_token_list(out / "tokens.txt")
    assert len(vocabulary) == 13 and vocabulary.count("<unk>") == 1 and not {"<", ">", "k>"} & set(vocabulary)
    tokenizer = load_tokenizer("bpe", out / "tokens.txt", out / "bpe.model")
    for text in texts:
        ids = tokenizer.encode(text)
        assert ids.count(1) == text.count("<unk>") and tokenizer.decode(ids) == text
