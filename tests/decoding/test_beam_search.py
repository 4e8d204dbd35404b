"""Beam search against the sum over all paths of every label string, and narrow beams against a plain prefix search."""

from collections import defaultdict

import numpy as np
import pytest
import torch

from espnet_bljust.data.text.arpa import word_of, write_arpa
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.decoding.beam_search import BeamSearch
from espnet_bljust.decoding.language_model import read_language_model, written
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.errors import InputError
from tests.helpers.plain import PlainNgram, PlainWords, add, all_strings, plain_search, random_frames

TOKENS = ["<blank>", "<unk>", "<space>", "a", "b", "<sos/eos>"]
PIECES = ["<blank>", "<unk>", "▁", "a", "b", "▁a", "ab", "<sos/eos>"]
WIDE = {"search": "beam", "beam_size": 20000, "beam_threshold": 1e9, "nbest": 20000}
WORDS = [["a", "ab"], ["b"], ["ab", "a", "b"], ["ba"], ["a", "a"]]


class Letters:
    """A splitter that cuts into letters, with SentencePiece's boundary."""

    def tokens(self, text):
        return list("▁" + text.replace(" ", "▁"))


def search(tokens=TOKENS, ngram=None, **settings):
    chosen = SearchSettings(**{"search": "beam", **settings})
    model = read_language_model(ngram, tokens, chosen.ngram_unit) if ngram else None
    return BeamSearch(tokens, chosen, model, Letters())


def texts_of(tokens, ids):
    return "".join(written(tokens)[token] or "?" for token in ids)


@pytest.fixture
def token_model(tmp_path):
    """A trigram model of tokens; <sos/eos> and <unk> are not in its text."""
    text = [["a", "b", "<space>", "a"], ["b", "b"], ["a", "<space>", "b", "a", "b"], ["a"], ["a", "b"]]
    write_arpa(tmp_path / "token.arpa", estimate(text, 3))
    return tmp_path / "token.arpa"


@pytest.fixture
def word_model(tmp_path):
    """A bigram model of words."""
    write_arpa(tmp_path / "word.arpa", estimate(WORDS, 2))
    return tmp_path / "word.arpa"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("penalty", [0.0, 2.5])
def test_without_a_language_model_scores_are_the_sums_over_all_paths(seed, penalty):
    frames = random_frames(5, 5, seed)
    expected = {string: score + penalty * len(string) for string, score in all_strings(frames).items()}
    found = {tuple(found.ids): found.score for found in search(TOKENS[:5], penalty=penalty, **WIDE)(frames)}
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("weight", "penalty"), [(0.7, 0.0), (2.0, 0.0), (1.5, 0.9), (0.5, -1.0)])
def test_with_a_token_model_scores_are_those_of_the_formula(token_model, weight, penalty):
    plain, frames = PlainNgram(token_model), random_frames(5, len(TOKENS), 7)
    expected = {
        string: score + weight * plain.sentence([TOKENS[token] for token in string]) + penalty * len(string)
        for string, score in all_strings(frames).items()
    }
    found = search(ngram=token_model, ngram_weight=weight, penalty=penalty, **WIDE)(frames)
    assert {tuple(one.ids): one.score for one in found} == pytest.approx(expected, rel=1e-12)
    assert [tuple(one.ids) for one in found] == sorted(expected, key=lambda string: -expected[string])


@pytest.mark.parametrize("penalty", [0.0, 0.8])
@pytest.mark.parametrize("tokens", [TOKENS, PIECES], ids=["char", "bpe"])
def test_with_a_word_model_scores_are_those_of_the_formula(word_model, tokens, penalty):
    """All paths of 5 frames; those whose words, between runs of boundaries, are in the model, however they are cut."""
    plain, frames = PlainNgram(word_model), random_frames(5, len(tokens), 11)
    sums = defaultdict(list)
    for string, score in all_strings(frames).items():
        sums[tuple(texts_of(tokens, string).split())].append(score)
    expected = {words: add(*parts) + 1.3 * plain.sentence(words) + penalty * len(words)
                for words, parts in sums.items() if set(words) <= plain.known - {"<s>", "</s>", "<unk>"}}
    found = search(tokens, word_model, ngram_weight=1.3, ngram_unit="word", penalty=penalty, **WIDE)(frames)
    by_words = {tuple(texts_of(tokens, one.ids).split()): one.score for one in found}
    assert by_words == pytest.approx(expected, rel=1e-12) and len(found) == len(by_words)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("beam", [1, 2, 5, 17])
def test_a_narrow_beam_of_tokens_finds_what_a_plain_prefix_search_finds(token_model, beam, seed):
    frames = random_frames(40, len(TOKENS), seed, sharp=3.0)
    plain = PlainNgram(token_model)

    def gain(string):
        return 0.6 * plain.sentence([TOKENS[token] for token in string], end=False) + 0.3 * len(string)

    expected = {string: paths + added + 0.6 * plain.word(["<s>", "<s>", *(TOKENS[token] for token in string)], "</s>")
                for string, (paths, added) in plain_search(frames, beam, gain=gain).items()}
    found = search(ngram=token_model, ngram_weight=0.6, penalty=0.3, beam_size=beam, nbest=beam,
                   beam_threshold=1e9)(frames)
    assert {tuple(one.ids): one.score for one in found} == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("beam", [1, 2, 5, 17])
@pytest.mark.parametrize("tokens", [TOKENS, PIECES], ids=["char", "bpe"])
def test_a_narrow_beam_of_words_finds_what_a_plain_prefix_search_finds(word_model, tokens, beam, seed):
    frames = random_frames(40, len(tokens), seed, sharp=3.0)
    plain = PlainWords(written(tokens), PlainNgram(word_model), 1.2, 0.4)
    expected = plain.results(plain_search(frames, beam, plain.first, plain.longer, plain.gain))
    found = search(tokens, word_model, ngram_weight=1.2, penalty=0.4, ngram_unit="word", beam_size=beam, nbest=beam,
                   beam_threshold=1e9)(frames)  # fmt: skip
    if not expected:  # every prefix ends inside a word
        assert len(found) >= 1
        return
    assert {tuple(texts_of(tokens, one.ids).split()): one.score for one in found} == pytest.approx(expected, rel=1e-10)


def test_prefixes_behind_the_best_by_more_than_the_threshold_are_dropped():
    frames = torch.tensor([[0.6, 0.0001, 0.3, 0.0999]]).log()
    found = search(TOKENS[:4], beam_threshold=1.0, beam_size=4, nbest=4)(frames)
    assert [one.ids for one in found] == [[], [2]]  # ln 0.6 - ln 0.3 = 0.69, ln 0.6 - ln 0.0999 = 1.79


def test_tokens_outside_the_most_probable_are_not_tried():
    frames = random_frames(8, len(TOKENS), 5)
    least = frames.sort(-1, descending=True).values[:, [2]]
    expected = search(**WIDE)(torch.where(frames >= least, frames, -torch.inf))
    found = search(beam_size_token=3, **WIDE)(frames)
    possible = {tuple(one.ids): one.score for one in expected if one.score > -np.inf}
    assert {tuple(one.ids): one.score for one in found if one.score > -np.inf} == possible and len(possible) > 3


@pytest.mark.parametrize("seed", range(3))
def test_on_many_frames_the_score_comes_close_to_ctc_s_own_sum_and_never_above(seed):
    frames = random_frames(300, 28, seed, sharp=20.0)
    (found,) = search([f"t{place}" for place in range(28)], beam_size=100)(frames)
    lengths = torch.tensor(300), torch.tensor(len(found.ids))
    exact = -float(torch.nn.functional.ctc_loss(frames, torch.tensor(found.ids), *lengths, reduction="sum"))
    assert exact - 0.1 < found.score <= exact + 1e-9


def test_a_word_that_the_audio_cuts_off_is_left_out(word_model):
    frames = torch.full((4, len(TOKENS)), 1e-12)
    for frame, token in enumerate(["a", "b", "<space>", "b"]):
        frames[frame, TOKENS.index(token)] = 1.0
    (found,) = search(ngram=word_model, ngram_weight=0.1, ngram_unit="word", beam_size=1)(frames.log())
    assert texts_of(TOKENS, found.ids) == "ab b"
    write_arpa(word_model, estimate([["ab"], ["bba"]], 2))  # "b" alone begins a word, and is none
    (found,) = search(ngram=word_model, ngram_weight=0.1, ngram_unit="word", beam_size=1)(frames.log())
    assert texts_of(TOKENS, found.ids) == "ab"
    paths = float(frames.sum(-1).log().sum())  # one path has all
    assert found.score == pytest.approx(paths + 0.1 * PlainNgram(word_model).sentence(["ab"]), abs=1e-6)


def test_tokens_with_white_space_are_named_as_in_the_model(tmp_path):
    tokens = ["<blank>", "<unk>", " ", "▁ä", "\u3000", "<sos/eos>"]
    text = [[word_of(token) for token in line] for line in ([" ", "▁ä"], ["\u3000", "▁ä", " "])]
    write_arpa(tmp_path / "x.arpa", estimate(text, 2))
    frames, plain = random_frames(4, 6, 1), PlainNgram(tmp_path / "x.arpa")
    expected = {string: score + plain.sentence([word_of(tokens[token]) for token in string])
                for string, score in all_strings(frames).items()}
    found = search(tokens, tmp_path / "x.arpa", ngram_weight=1.0, **WIDE)(frames)
    assert {tuple(one.ids): one.score for one in found} == pytest.approx(expected, rel=1e-12)


def test_no_frames_give_the_empty_string(token_model, word_model):
    plain = PlainNgram(word_model)
    (found,) = search(ngram=word_model, ngram_weight=2.0, ngram_unit="word")(torch.zeros(0, len(TOKENS)))
    assert found.ids == [] and found.score == pytest.approx(2.0 * plain.sentence([]))


def test_what_cannot_be_searched_is_named(token_model, tmp_path, capsys):
    with pytest.raises(InputError, match="no language model. Give --ngram"):
        search(ngram_weight=1.0)
    with pytest.raises(InputError, match="model of words, which end by the token <space>, or by pieces"):
        search(["<blank>", "<unk>", "aa", "b", "<sos/eos>"], token_model, ngram_unit="word")
    write_arpa(tmp_path / "foreign.arpa", estimate([["xyz"], ["z"]], 2))
    with pytest.raises(InputError, match="spell none"):
        search(ngram=tmp_path / "foreign.arpa", ngram_unit="word")
    write_arpa(tmp_path / "some.arpa", estimate([["xyz"], ["a"]], 2))
    search(ngram=tmp_path / "some.arpa", ngram_unit="word")
    assert "1 of 2 words hold characters that are no tokens" in capsys.readouterr().err
    with pytest.raises(InputError, match="absent.arpa: no such language model"):
        search(ngram=tmp_path / "absent.arpa")
