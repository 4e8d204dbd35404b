"""The automaton against the definition of a back-off model in dictionaries, against KenLM, and by hand."""


import numpy as np
import pytest

from espnet_bljust.data.text.arpa import write_arpa
from espnet_bljust.data.text.ngram import estimate
from espnet_bljust.decoding.ngram_automaton import NgramAutomaton
from espnet_bljust.errors import InputError
from tests.helpers.plain import PlainNgram

BY_HAND = """\\data\\
ngram 1=5
ngram 2=2
ngram 3=1

\\1-grams:
-99\t<s>\t-0.5
-1.0\t</s>
-0.7\ta\t-0.3
-0.6\tb\t-0.2
-0.8\tc

\\2-grams:
-0.4\t<s> a\t-0.1
-0.35\ta b\t-0.15

\\3-grams:
-0.05\t<s> a b

\\end\\
"""


def write(path, text=BY_HAND):
    path.write_text(text)
    return path


def score(automaton, words, end=True):
    state, total = np.array([automaton.start]), 0.0
    for word in automaton.ids(words):
        found, state = automaton.step(state, np.array([word]))
        total += float(found[0])
    return total + float(automaton.end(state)[0]) * end


@pytest.mark.parametrize("order", [1, 2, 3, 5, 7])
def test_every_sentence_has_the_probability_of_the_definition(tmp_path, order):
    rng = np.random.default_rng(order)
    text = [[f"w{word}" for word in rng.zipf(1.5, rng.integers(1, 12)) % 9] for _ in range(60)]
    write_arpa(tmp_path / "x.arpa", estimate(text, order))
    automaton, plain = NgramAutomaton.from_arpa(tmp_path / "x.arpa"), PlainNgram(tmp_path / "x.arpa")
    for _ in range(50):
        words = [f"w{word}" for word in rng.integers(0, 12, rng.integers(0, 9))]  # some of them unknown
        assert score(automaton, words) == pytest.approx(plain.sentence(words), abs=1e-12)


def test_a_row_is_a_step_by_every_word(tmp_path):
    text = [list("abcab"), list("bbac"), list("cab"), list("a")]
    write_arpa(tmp_path / "x.arpa", estimate(text, 3))
    automaton = NgramAutomaton.from_arpa(tmp_path / "x.arpa")
    every = np.arange(len(automaton.words))
    for state in range(automaton.trie.levels[3]):  # of up to two words
        found, _ = automaton.step(np.full(len(every), state), every)
        np.testing.assert_allclose(automaton.row(state), found, atol=1e-12)


def test_scores_by_hand_through_every_way_to_back_off(tmp_path):
    automaton = NgramAutomaton.from_arpa(write(tmp_path / "x.arpa"))
    assert score(automaton, "ab", end=False) == pytest.approx(-0.4 - 0.05)  # <s> a, <s> a b
    assert score(automaton, "aa", end=False) == pytest.approx(-0.4 + (-0.1 - 0.3 - 0.7))  # b(<s> a) b(a) p(a)
    assert score(automaton, "b") == pytest.approx((-0.5 - 0.6) + (-0.2 - 1.0))  # b(<s>) p(b), b(b) p(</s>)
    assert score(automaton, "cab", end=False) == pytest.approx((-0.5 - 0.8) + -0.7 + -0.35)  # c has no weight: 0
    assert score(automaton, ["?"], end=False) == pytest.approx(-0.5 - 100)  # no <unk> in the file


def test_a_model_without_the_shorter_n_gram_goes_on_from_a_shorter_one_still(tmp_path):
    text = BY_HAND.replace("ngram 2=2", "ngram 2=1").replace("-0.35\ta b\t-0.15\n", "")
    automaton = NgramAutomaton.from_arpa(write(tmp_path / "x.arpa", text))
    assert score(automaton, "abc", end=False) == pytest.approx(-0.4 - 0.05 + (-0.2 - 0.8))  # no a b: b(b) p(c)


def test_kenlm_gives_the_same(tmp_path):
    kenlm = pytest.importorskip("flashlight.lib.text.decoder.kenlm", reason="flashlight-text ends at Python 3.12")
    dictionary = pytest.importorskip("flashlight.lib.text.dictionary")
    rng = np.random.default_rng(1)
    text = [[f"w{word}" for word in rng.zipf(1.5, rng.integers(1, 12)) % 9] for _ in range(60)]
    write_arpa(tmp_path / "x.arpa", estimate(text, 4))
    automaton = NgramAutomaton.from_arpa(tmp_path / "x.arpa")
    names = [f"w{word}" for word in range(12)]
    model = kenlm.KenLM(str(tmp_path / "x.arpa"), dictionary.Dictionary(names))
    for _ in range(30):
        words = rng.integers(0, 12, rng.integers(0, 9)).tolist()
        state, total = model.start(False), 0.0
        for word in words:
            state, found = model.score(state, word)
            total += found
        total += model.finish(state)[1]
        assert score(automaton, [names[word] for word in words]) == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize(("old", "new", "said"), [
    ("-0.05\t<s> a b", "-0.05\ta c b", "has the 3-gram 'a c b' without its first 2 words"),
    ("-0.35\ta b", "-0.35\t<s> a", "1 of its 2-grams stand there twice"),
    ("\t</s>", "\td", "has no unigram </s>"),
])  # fmt: skip
def test_what_is_no_model_is_named(tmp_path, old, new, said):
    with pytest.raises(InputError, match=f"x.arpa: {said}"):
        NgramAutomaton.from_arpa(write(tmp_path / "x.arpa", BY_HAND.replace(old, new)))
