"""Configurations of decoding: what stands there is read, what is wrong is named."""

import argparse
from pathlib import Path

import pytest

from espnet_bljust.decoding.search_settings import SearchSettings, add_arguments, given, read_grid, read_settings
from espnet_bljust.errors import InputError

CONF = Path(__file__).parents[2] / "conf"


def options(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(list(map(str, words)))


def read(*words):
    found = options(*words)
    return read_settings(found.inference_config, given(vars(found)), found.ngram)


def grid_of(*words):
    found = options(*words)
    return read_grid(found.inference_config, given(vars(found)))


def test_greedy_search_is_the_default_and_the_shared_configuration_says_the_same():
    assert read() == read("--inference_config", CONF / "decode_greedy.yaml") == SearchSettings(search="greedy")


def test_an_option_of_the_call_wins_over_the_configuration():
    settings = read("--inference_config", CONF / "decode_beam.yaml", "--beam_size", 7, "--ngram_weight", "0")
    assert (settings.search, settings.beam_size, settings.ngram_weight, settings.penalty) == ("beam", 7, 0.0, 0.0)


@pytest.mark.parametrize(("text", "message"), [
    ("beam_sise: 3", "does not read beam_sise. Remove it, or did you mean beam_size?"),
    ("ctc_weight: 1.0", "does not read ctc_weight"),
    ("search: best", "search is 'best', not greedy or beam"),
    ("beam_size: 0", "at least 1"),
    ("beam_size: 2.5", "beam_size is 2.5, not a whole number"),
    ("penalty: true", "penalty is True, not a finite number"),
    ("penalty: yes", "penalty is 'yes', not a finite number"),
    ("ngram_weight: .nan", ":1: .nan is no number"),
    ("tune:\n  ngram_weight: [0.5,\n    .inf]", ":3: .inf: of all keys"),
    ("beam_size: 3\nbeam_size: 4", ":2: beam_size stands in line 1 and in line 2"),
    ("nbest: 3", "nbest 3 is above beam_size, or the search is greedy"),
    ("tune: 3", "tune is 3, not settings with lists of values"),
    ("tune: {beam_size: 3}", "tune: beam_size is 3, not a list of values"),
    ("tune: {beam_size: [3, 0.5]}", "beam_size is 0.5, not a whole number"),
    ("tune: {beam: [3]}", "does not read beam. Remove it"),
    ("- 1", "not a list of keys with values"),
    ("a: [", "not YAML"),
])  # fmt: skip
def test_a_wrong_configuration_is_named_with_its_file(tmp_path, text, message):
    path = tmp_path / "decode_x.yaml"
    path.write_text(text + "\n")
    with pytest.raises(InputError, match=str(path)) as caught:
        read("--inference_config", path), grid_of("--inference_config", path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_language_model_beside_greedy_search_is_refused():
    with pytest.raises(InputError, match="Add --search beam"):
        read("--ngram", "x.arpa")


def test_the_shared_configuration_names_values_to_try_and_what_the_call_gives_stays():
    grid = grid_of("--inference_config", CONF / "decode_beam.yaml")
    assert list(grid) == ["ngram_weight", "penalty", "beam_size"] and all(len(values) > 2 for values in grid.values())
    fewer = grid_of("--inference_config", CONF / "decode_beam.yaml", "--ngram_weight", 2)
    assert list(fewer) == ["penalty", "beam_size"] and grid_of() == {}
