"""No line of a stranger's file keeps a pattern of ours busy: time grows with the length, not with its square."""

import importlib
import re
import sys
import time
from pathlib import Path

import pytest

from espnet_bljust.data.text.normalise import normalise

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / f"egs2/{recipe}/bljust/local") for recipe in ("timit", "tedlium2", "an4", "ravdess")]
MODULES = ["espnet_bljust.data." + name for name in
           ("audio.reading", "corpus.db", "preparation.filter", "preparation.format", "audio.headers",
            "text.language_rules", "corpus.librispeech", "text.normalise", "preparation.subsets",
            "audio.truncation", "kaldi.walk")] + ["timit", "tedlium2", "an4", "ravdess"]  # fmt: skip
PATTERNS = {f"{module}.{name}": value for module in MODULES
            for name, value in vars(importlib.import_module(module)).items() if isinstance(value, re.Pattern)}
WHOLE = ("LINE", "SPAN", "TRANSCRIPT", "WORDS", "AMOUNT", "ARCHIVE", "PLAIN_NAME")  # matched against whole lines
LENGTH = 1 << 15
PIECES = [" ", "a", "A ", "<", ">", ",", "(", ")", "{", "'", "=", "#", "1", "1 ", "-", ".", ":", "/", "|", "\u0430",
          "a\u0430", "\u200c", "'s", "<,", "(a-", "a=", "A='", "0 0 ", "ngram ", "$", "\u0301"]  # fmt: skip
STARTS = ["", "A=", "<s> ", "0 1 ", "sample_coding -s9 ", "<", "(", "a", "S"]
MOST_SECONDS = 4.0  # of CPU time for all of it; a square of the length takes minutes


def test_the_patterns_are_found():
    assert len(PATTERNS) > 20


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_done_with_a_long_line_soon(name):
    pattern = PATTERNS[name]
    start = time.process_time()
    for begin in STARTS:
        for piece in PIECES:
            text = begin + piece * (LENGTH // len(piece)) + "\x01"
            line = text.encode()[:1024] if isinstance(pattern.pattern, bytes) else text  # those read a SPHERE header
            (pattern.fullmatch if name.endswith(WHOLE) else pattern.search)(line)
            if time.process_time() - start > MOST_SECONDS:
                pytest.fail(f"{begin!r} and {LENGTH} characters of {piece!r}")


@pytest.mark.parametrize("language", ["en", "nl", "mn", "ar", "ru", "tr"])
def test_text_of_any_kind_is_normalised_in_time_that_grows_with_its_length(language):
    start = time.process_time()
    for piece in PIECES:
        normalise(piece * (LENGTH // len(piece)), language)
    assert time.process_time() - start < 5 * MOST_SECONDS
