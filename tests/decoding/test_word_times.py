"""Words from tokens and frames, CTM and SRT, by hand."""

import pytest

from espnet_bljust.data.text.token_list import BpeOptions, write_bpe, write_token_list
from espnet_bljust.data.text.tokens import load_tokenizer
from espnet_bljust.decoding.align import Span
from espnet_bljust.decoding.word_times import Word, ctm_lines, srt, words_of

CHARS = ["<blank>", "<unk>", "<space>", "a", "b", "<noise>", "<sos/eos>"]


def spans(count):
    return [Span(10 * index, 10 * index + 1, 0.5) for index in range(count)]


def test_a_word_lasts_from_its_first_to_its_last_token():
    """Frames 0 to 11 and 30 to 31; 20 ms a frame around sample 320 f + 200, that is 12.5 ms."""
    words = words_of([3, 4, 2, 3], spans(4), load_tokenizer("char", CHARS), "char")
    assert [word.word for word in words] == ["ab", "a"]
    assert words[0][1:] == pytest.approx((0.0025, 12 * 0.02 + 0.0025, 0.5))
    assert words[1][1:] == pytest.approx((30 * 0.02 + 0.0025, 32 * 0.02 + 0.0025, 0.5))


def test_confidence_is_the_geometric_mean():
    both = [Span(0, 0, 0.9), Span(1, 1, 0.4)]
    (word,) = words_of([3, 4], both, load_tokenizer("char", CHARS), "char")
    assert word.confidence == pytest.approx(0.6)


@pytest.mark.parametrize("ids", [[3, 4, 2, 2, 3], [2, 3, 2], [6, 3, 6, 2, 4, 6], [], [2], [5, 2, 3], [3, 1, 3]])
def test_the_words_of_characters_are_those_of_the_text(ids):
    tokenizer = load_tokenizer("char", CHARS)
    words = words_of(ids, spans(len(ids)), tokenizer, "char")
    found = " ".join(word.word for word in words)
    assert found.split() == tokenizer.decode(ids).split()


@pytest.mark.parametrize("token_type", ["word", "phn"])
def test_each_word_or_phone_is_its_own(token_type):
    tokenizer = load_tokenizer(token_type, ["<blank>", "<unk>", "AH0", "B", "<sos/eos>"])
    words = words_of([2, 3, 3, 1], spans(4), tokenizer, token_type)
    assert [word.word for word in words] == ["AH0", "B", "B", "<unk>"]


def test_the_words_of_pieces_are_those_of_the_text(tmp_path):
    text = ["the cat sat on the mat", "a hat that the cat sat on", "cats and hats"]
    write_token_list(tmp_path / "tokens.txt", ["<blank>", "<unk>", *write_bpe(text, tmp_path, BpeOptions(20)),
                                               "<sos/eos>"])
    tokenizer = load_tokenizer("bpe", tmp_path / "tokens.txt", tmp_path / "bpe.model")
    for line in (*text, "mat tam"):
        ids = tokenizer.encode(line)
        words = words_of(ids, spans(len(ids)), tokenizer, "bpe")
        assert [word.word for word in words] == tokenizer.decode(ids).split() == line.split()


def test_ctm_has_kaldis_columns():
    assert ctm_lines("utt1", [Word("hi", 0.5, 0.75, 0.5)]) == ["utt1 1 0.500 0.250 hi 0.5000"]


def test_subtitles_are_short_lines_and_short_blocks():
    words = [Word(f"word{index % 10}", index * 0.5, index * 0.5 + 0.4, 1.0) for index in range(40)]
    words += [Word("late", 3661.5, 3662.0, 1.0), Word("x" * 60, 3662.1, 3662.2, 1.0)]
    text = srt(words)
    blocks = text.split("\n\n")
    assert [int(block.split("\n")[0]) for block in blocks] == list(range(1, len(blocks) + 1))
    assert " ".join(line for block in blocks for line in block.strip().split("\n")[2:]).split() == [
        word.word for word in words]  # fmt: skip
    for block in blocks:
        lines = block.strip().split("\n")[2:]
        assert len(lines) <= 2 and all(len(line) <= 42 or " " not in line for line in lines)
    assert "01:01:01,500 --> 01:01:02,200\nlate\n" + "x" * 60 in text
    assert srt([]) == ""
