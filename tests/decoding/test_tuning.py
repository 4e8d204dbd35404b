"""Settings are chosen by errors on a dev set: counted by hand, and by a cost whose best is known."""

import pytest

from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.decoding.tuning import Errors, count_errors, every_nth, trial_table, tune
from espnet_bljust.scoring.counts import Counts

FIRST = SearchSettings(search="beam", ngram_weight=1.0, beam_size=20)
GRID = {"ngram_weight": [0.5, 1.0, 2.0, 3.0], "penalty": [-1.0, 0.0, 1.0, 2.0], "beam_size": [10, 20, 50]}


def errors(words, characters=0):
    return Errors(*(Counts(sentences=1, correct=100 - count, substituted=count) for count in (words, characters)))


def valley(settings):
    """Weight and penalty hang together: from (1, 0) the best, (3, 2), is reached in turns only."""
    return errors(int(10 * abs(settings.ngram_weight - settings.penalty - 1) + 4 * abs(settings.penalty - 2)))


@pytest.mark.parametrize("unit", ["word", "token"])
def test_the_settings_go_around_until_no_other_value_is_better(unit):
    made = []

    def search(settings):
        made.append(settings)
        words, characters = valley(settings)
        return Errors(words, characters) if unit == "word" else Errors(characters, words)

    best, trials = tune(FIRST, GRID, search, unit)
    product = {(weight, penalty): valley(SearchSettings(ngram_weight=weight, penalty=penalty)).words.errors
               for weight in GRID["ngram_weight"] for penalty in GRID["penalty"]}
    neighbours = [product[weight, best.penalty] for weight in GRID["ngram_weight"]]
    neighbours += [product[best.ngram_weight, penalty] for penalty in GRID["penalty"]]
    assert product[best.ngram_weight, best.penalty] == min(neighbours)
    assert len(made) == len(set(made)) == len(trials) < 16 * 3 and next(iter(trials)) == FIRST


def test_of_equal_errors_the_other_unit_decides_then_what_was_there_first():
    counts = {0.5: errors(5, 9), 1.0: errors(5, 8), 2.0: errors(5, 7), 3.0: errors(6, 1)}
    grid = {"ngram_weight": list(counts)}
    assert tune(FIRST, grid, lambda settings: counts[settings.ngram_weight], "word")[0].ngram_weight == 2.0
    assert tune(FIRST, grid, lambda settings: counts[settings.ngram_weight], "token")[0].ngram_weight == 3.0
    best, _ = tune(FIRST, GRID, lambda settings: errors(3, 3), "word")
    assert best == FIRST


def test_errors_are_those_of_words_and_characters_without_the_silent_ones():
    words, characters = count_errors(["the cat", "a"], ["the bat <noise>", "a"], frozenset({"<noise>"}))
    assert (words.errors, words.words) == (1, 3)
    assert (characters.errors, characters.words) == (1, 8)  # t h e <space> c a t, a
    assert count_errors(["a"], [""]).words.deleted == 1


def test_of_a_long_dev_set_every_nth_utterance_is_taken():
    samples = {f"u{place}": 10 for place in range(10)}
    names = sorted(samples)
    assert every_nth(names, samples, 100) == names
    assert every_nth(names, samples, 99) == names[::2] and every_nth(names, samples, 45) == names[::3]
    assert every_nth(names, samples, 1) == names[:1]


def test_the_table_has_a_row_a_trial_and_the_chosen_one_stands_out():
    grid = {"ngram_weight": [0.5, 2.0]}
    best, trials = tune(FIRST, grid, lambda settings: errors(int(10 * settings.ngram_weight), 3), "word")
    assert trial_table(trials, best, ["ngram_weight"]).splitlines() == [
        "| ngram_weight | WER % | CER % |",
        "|---|---|---|",
        "| 1 | 10.00 | 3.00 |",
        "| **0.5** | **5.00** | **3.00** |",
        "| 2 | 20.00 | 3.00 |",
    ]
