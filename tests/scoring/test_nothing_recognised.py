"""Empty hypotheses alone are said, with reasons of which the training left a trace in front."""

import json

import pytest

from espnet_bljust.scoring.nothing_recognised import nothing_recognised


@pytest.fixture
def experiment(tmp_path):
    """`experiment(texts, rows)`: hypotheses of two utterances, and a history."""
    def make(texts, *rows):
        (tmp_path / "decode_a/test").mkdir(parents=True, exist_ok=True)
        (tmp_path / "decode_a/test/text").write_text("".join(f"u{index} {text}".rstrip() + "\n"
                                                             for index, text in enumerate(texts)))
        (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return nothing_recognised(tmp_path, ["decode_a/test"])

    return make


TRAINED, DEV = {"kind": "train", "step": 100}, {"kind": "valid", "step": 100, "cer": 1.0}


def test_one_word_anywhere_is_something(experiment):
    assert experiment(["", "one"], TRAINED, DEV) == ""


def test_three_reasons_are_named(experiment):
    line = experiment(["", ""], TRAINED, DEV)
    assert line.startswith("nothing was recognised: all 2 hypotheses are empty. Likeliest: (1) ")
    assert "(3)" in line and "(4)" not in line


@pytest.mark.parametrize(("train", "dev", "first"), [
    ({"skipped_steps": 40}, {}, r"40 of 100 steps were not finite"),
    ({"plateau": 2}, {}, "CTC stayed at"),
    ({"plateau": 2}, {"cer": 0.3}, r"dev was recognised in training (error rate 30.0 %)"),
])
def test_what_the_training_left_a_trace_of_comes_first(experiment, train, dev, first):
    assert f"(1) {first}" in experiment([""], {**TRAINED, **train}, {**DEV, **dev})
