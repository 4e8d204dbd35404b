"""Beam search against the sum over all paths of every label string, and against a plain prefix beam search."""

import itertools
import math
from collections import defaultdict

import pytest
import torch

from espnet_bljust.data.text.arpa import arpa_order, word_of, write_arpa
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.decoding.beam_search import BeamSearch
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.errors import InputError
from espnet_bljust.network.heads.ctc import greedy

pytest.importorskip("flashlight", reason="flashlight-text is not installed: it has wheels for Python 3.12 alone")
TOKENS = ["<blank>", "<unk>", "<space>", "a", "b", "<sos/eos>"]
WIDE = {"search": "beam", "beam_size": 5000, "beam_threshold": 1e9, "nbest": 5000}


def random_frames(num_frames, num_tokens, seed, sharp=1.0):
    generator = torch.Generator().manual_seed(seed)
    return (sharp * torch.randn(num_frames, num_tokens, generator=generator)).log_softmax(-1)


def all_strings(frames):
    """{label string: ln of the sum over its paths}, by walking every path."""
    sums = defaultdict(float)
    for path in itertools.product(range(frames.shape[1]), repeat=len(frames)):
        string = tuple(token for token, _ in itertools.groupby(path) if token)
        sums[string] += math.exp(sum(float(frames[place, token]) for place, token in enumerate(path)))
    return {string: math.log(total) for string, total in sums.items()}


def plain_search(frames, beam):
    """Hannun et al.'s prefix search, in probabilities: {prefix: [ends in blank, ends in a token]}."""
    prefixes = {(): (1.0, 0.0)}
    for frame in frames.double().exp().tolist():
        new = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, token) in prefixes.items():
            new[prefix][0] += (blank + token) * frame[0]
            for index in range(1, len(frame)):
                if prefix and prefix[-1] == index:
                    new[prefix][1] += token * frame[index]
                    new[(*prefix, index)][1] += blank * frame[index]
                else:
                    new[(*prefix, index)][1] += (blank + token) * frame[index]
        prefixes = dict(sorted(new.items(), key=lambda item: -sum(item[1]))[:beam])
    return {prefix: math.log(sum(parts)) for prefix, parts in prefixes.items()}


def lm_score(model, words):
    """log10 P(words </s>) by the definition, from the model's own tables in memory."""
    index = {word: place for place, word in enumerate(model.vocabulary)}
    ids = [1, *(index.get(word, 0) for word in words), 2]
    tables = [{}]
    names = {(): 0}
    for n, grams in enumerate(model.orders):
        rows = {}
        back = {place: gram for gram, place in names.items()}
        for place, (word, history) in enumerate(zip(grams.word.tolist(), grams.history.tolist(), strict=True)):
            rows[(*(back[history] if n else ()), word)] = place
        names = rows
        tables.append(rows)

    def p(history, word):
        n = len(history) + 1
        if (*history, word) in tables[n]:
            return model.probability[n - 1][tables[n][(*history, word)]]
        if not history:
            return model.probability[0][0]
        place = tables[n - 1].get(history)
        return (1.0 if place is None else model.backoff[n - 2][place]) * p(history[1:], word)

    order = len(model.orders)
    return sum(math.log10(p(tuple(ids[max(0, i - order + 1) : i]), ids[i])) for i in range(1, len(ids)))


@pytest.fixture
def token_model(tmp_path):
    """A trigram model of tokens; <sos/eos> and <unk> are not in its text."""
    text = [["a", "b", "<space>", "a"], ["b", "b"], ["a", "<space>", "b", "a", "b"], ["a"], ["a", "b"]]
    model = estimate(text, 3)
    write_arpa(tmp_path / "token.arpa", model)
    return model, tmp_path / "token.arpa"


@pytest.mark.parametrize("seed", range(3))
def test_without_a_language_model_scores_are_the_sums_over_all_paths(seed):
    frames = random_frames(5, 5, seed)
    expected = all_strings(frames)
    found = {tuple(found.ids): found.score for found in BeamSearch(TOKENS[:5], SearchSettings(**WIDE))(frames)}
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_what_a_plain_prefix_search_finds(seed):
    """More frames than can be enumerated; what is pruned differs, as flashlight counts blank and token ends apart."""
    frames = random_frames(12, len(TOKENS), seed, sharp=4.0)
    settings = SearchSettings(search="beam", beam_size=2000, beam_threshold=1e9, nbest=5)
    plain = sorted(plain_search(frames, 2000).items(), key=lambda item: -item[1])[:5]
    found = BeamSearch(TOKENS, settings)(frames)
    assert [tuple(one.ids) for one in found] == [prefix for prefix, _ in plain]
    assert [one.score for one in found] == pytest.approx([score for _, score in plain], abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_without_a_language_model_is_greedy_search(seed):
    frames = random_frames(60, len(TOKENS), seed, sharp=2.0)
    (found,) = BeamSearch(TOKENS, SearchSettings(search="beam", beam_size=1, beam_threshold=1e9))(frames)
    assert found.ids == greedy(frames, [60])[0]


@pytest.mark.parametrize(("weight", "penalty"), [(0.7, 0.0), (2.0, 0.0), (1.5, 0.9), (0.5, -1.0)])
def test_with_a_token_model_scores_are_those_of_the_formula(token_model, weight, penalty):
    model, path = token_model
    frames = random_frames(4, len(TOKENS), 7)
    expected = {
        string: score + weight * lm_score(model, [TOKENS[token] for token in string]) + penalty * len(string)
        for string, score in all_strings(frames).items()
    }
    search = BeamSearch(TOKENS, SearchSettings(ngram_weight=weight, penalty=penalty, **WIDE), path)
    found = {tuple(one.ids): one.score for one in search(frames)}
    assert found == pytest.approx(expected, abs=1e-4)
    assert list(found) == sorted(expected, key=lambda string: -expected[string])


def test_a_penalty_alone_lengthens_or_shortens():
    frames = random_frames(5, 4, 3)
    expected = {string: score + 2.5 * len(string) for string, score in all_strings(frames).items()}
    found = BeamSearch(TOKENS[:4], SearchSettings(penalty=2.5, **WIDE))(frames)
    assert {tuple(one.ids): one.score for one in found} == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("penalty", [0.0, 0.8])
def test_with_a_word_model_scores_are_those_of_the_formula(tmp_path, penalty):
    """All paths of 5 frames; those whose words, between runs of <space>, are in the model."""
    model = estimate([["a", "ab"], ["b"], ["ab", "a", "b"], ["ba"], ["a", "a"]], 2)
    write_arpa(tmp_path / "word.arpa", model)
    tokens = ["<blank>", "<unk>", "<space>", "a", "b"]
    frames = random_frames(5, len(tokens), 11)
    sums = defaultdict(list)
    for string, score in all_strings(frames).items():
        text = "".join(" " if token == 2 else "?ab"[max(token - 2, 0)] for token in string)
        sums[tuple(text.split())].append(score)
    expected = {
        words: float(torch.tensor(parts).double().logsumexp(0)) + 1.3 * lm_score(model, words) + penalty * len(words)
        for words, parts in sums.items() if set(words) <= set(model.vocabulary)
    }  # fmt: skip
    settings = SearchSettings(ngram_weight=1.3, ngram_unit="word", penalty=penalty, **WIDE)
    found = BeamSearch(tokens, settings, tmp_path / "word.arpa")(frames)
    by_words = {tuple("".join(" ab"[token - 2] for token in one.ids).split()): one.score for one in found}
    assert by_words == pytest.approx(expected, abs=1e-4)


def test_a_wide_beam_over_a_small_vocabulary_and_tokens_with_white_space_are_fine(tmp_path):
    tokens = ["<blank>", "<unk>", " ", "▁ä", "\u3000", "<sos/eos>"]
    model = estimate([[word_of(token) for token in line] for line in ([" ", "▁ä"], ["\u3000", "▁ä", " "])], 2)
    write_arpa(tmp_path / "x.arpa", model)
    frames = random_frames(4, 6, 1)
    search = BeamSearch(tokens, SearchSettings(ngram_weight=1.0, **WIDE), tmp_path / "x.arpa")
    strings = all_strings(frames)
    for found in search(frames)[:50]:
        score = strings[tuple(found.ids)]
        score += lm_score(model, [word_of(tokens[token]) for token in found.ids])
        assert found.score == pytest.approx(score, abs=1e-4)


def test_kenlm_is_quiet_and_standard_error_is_back_afterwards(token_model, capfd):
    import sys

    BeamSearch(TOKENS, SearchSettings(ngram_weight=1.0, **WIDE), token_model[1])
    assert capfd.readouterr().err == ""
    print("heard", file=sys.stderr)
    assert capfd.readouterr().err == "heard\n"


def test_what_cannot_be_searched_is_named(token_model, tmp_path):
    beam = SearchSettings(search="beam", ngram_weight=1.0)
    with pytest.raises(InputError, match="no language model. Give --ngram"):
        BeamSearch(TOKENS, beam)
    word = SearchSettings(search="beam", ngram_unit="word")
    with pytest.raises(InputError, match="<space>, which is not in the token list"):
        BeamSearch(["<blank>", "<unk>", "▁a", "<sos/eos>"], word, token_model[1])
    write_arpa(tmp_path / "long.arpa", estimate([list("abcabcabc")], 7))
    assert arpa_order(tmp_path / "long.arpa") == 7
    with pytest.raises(InputError, match=r"long.arpa: of order 7; KenLM reads 2 to 6"):
        BeamSearch(TOKENS, beam, tmp_path / "long.arpa")
    write_arpa(tmp_path / "foreign.arpa", estimate([["xyz"], ["z"]], 2))
    with pytest.raises(InputError, match="spell none"):
        BeamSearch(TOKENS, word, tmp_path / "foreign.arpa")


def test_a_damaged_model_is_named(token_model):
    path = token_model[1]
    path.write_text(path.read_text()[:-200])
    with pytest.raises(InputError, match=r"token.arpa: KenLM cannot read it .*Make it again"):
        BeamSearch(TOKENS, SearchSettings(search="beam", ngram_weight=1.0), path)


def test_the_highest_order_that_is_allowed_is_read(tmp_path):
    model = estimate([list("abab"), list("abbbab"), list("babaab")], 6)
    write_arpa(tmp_path / "six.arpa", model)
    search = BeamSearch(TOKENS, SearchSettings(ngram_weight=1.0, **WIDE), tmp_path / "six.arpa")
    frames = random_frames(4, len(TOKENS), 2)
    best = search(frames)[0]
    string = [TOKENS[token] for token in best.ids]
    assert best.score == pytest.approx(all_strings(frames)[tuple(best.ids)] + lm_score(model, string), abs=1e-4)
