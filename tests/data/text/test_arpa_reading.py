"""ARPA files are read as they were written, and what is wrong in one is named with its line."""

import numpy as np
import pytest

from espnet_bljust.data.text.arpa import write_arpa
from espnet_bljust.data.text.arpa_reading import read_arpa
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.errors import InputError


@pytest.fixture
def written(tmp_path):
    model = estimate([["one", "two"], ["two", "two", "ä"], ["ö", "one"]], 3)
    write_arpa(tmp_path / "x.arpa", model)
    return model, tmp_path / "x.arpa"


def test_every_number_comes_back(written):
    model, path = written
    read = read_arpa(path)
    assert read.words == model.vocabulary and len(read.orders) == 3
    for order, grams in enumerate(read.orders):
        assert np.array_equal(grams.words[:, -1], model.orders[order].word)
        probability = np.where(grams.log10 == -99, 0, 10**grams.log10)
        np.testing.assert_allclose(probability, model.probability[order], rtol=1e-6)
    for order in range(2):
        np.testing.assert_allclose(10 ** read.orders[order].backoff, model.backoff[order], rtol=1e-6)
    names = [[read.words[word] for word in gram] for gram in read.orders[2].words]
    assert ["<s>", "two", "two"] in names and ["two", "ä", "</s>"] in names


def test_blanks_for_tabs_and_empty_lines_are_fine_and_a_no_break_space_is_a_letter(written, tmp_path):
    _, path = written
    other = tmp_path / "other.arpa"
    other.write_bytes(path.read_text().replace("\t", "  ").replace("\n", "\r\n\r\n").replace("ö", "a\u00a0b").encode())
    assert "a\u00a0b" in read_arpa(other).words
    for one, two in zip(read_arpa(other).orders, read_arpa(path).orders, strict=True):
        assert all(np.array_equal(left, right) for left, right in zip(one, two, strict=True))


@pytest.mark.parametrize(("old", "new", "said"), [
    ("\\end\\\n", "", "x.arpa: its end where .end. should stand"),
    ("\\2-grams:", "\\5-grams:", r"x.arpa:\d+: .5-grams: where .2-grams: should stand"),
    ("two two", "two three", r"x.arpa:\d+: not log10 p, 2 words of the unigrams"),
    ("\ttwo two\t", "\ttwo\t", r"x.arpa:\d+: not log10 p, 2 words"),
    ("ngram 2=", "ngram 2=1", r"x.arpa:\d+: not log10 p, 2 words"),
    ("ngram 1=", "ngram 1=1=", r"x.arpa:2: ngram 1=1=\d+ where ngram 1=<how many> should stand"),
    ("ngram 2=", "ngram 3=", r"x.arpa:3: ngram 3=\d+ where ngram 2=<how many> should stand"),
    ("ngram 2=", "ngram 2=99999999", r"x.arpa:3: ngram 2=99999999\d+ where ngram 2=<how many> should stand"),
    ("\tone\t", "\ttwo\t", "x.arpa: 1 unigrams stand there twice"),
])  # fmt: skip
def test_what_is_wrong_is_named(written, old, new, said):
    path = written[1]
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=said):
        read_arpa(path)


def test_a_probability_above_one_and_a_cut_file_are_named(written):
    path = written[1]
    text = path.read_text()
    path.write_text(text.replace("\n-", "\n+", 1))
    with pytest.raises(InputError, match="x.arpa: its 1-gram 1 has p above 1"):
        read_arpa(path)
    path.write_text(text[:-60])
    with pytest.raises(InputError, match=r"x.arpa(:\d+: not log10 p, 3 words|: ends after \d+ of \d+ 3-grams)"):
        read_arpa(path)
