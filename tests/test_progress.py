"""Progress: every item once and in order, and in a log plain lines with the rate and the time left."""

import io
import re
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust import progress as module
from espnet_bljust.progress import duration, progress, progress_line


class Stream(io.StringIO):
    """stderr as a terminal or a log."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def clock(monkeypatch):
    """Time that moves by hand: ``clock.now``."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def run(clock, seconds_an_item, items, **named):
    got = []
    for item in progress(items, "decode", **named):
        clock.now += seconds_an_item
        got.append(item)
    return got


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("items", [[], ["a"], list(range(100))])
def test_nothing_is_lost_doubled_or_moved(monkeypatch, terminal, lines, items):
    monkeypatch.setattr(sys, "stderr", Stream(terminal))
    assert list(progress(items, "x", lines=lines)) == items
    assert list(progress(iter(items), "x", lines=lines)) == items  # no length
    assert list(progress(iter(items), "x", total=7, lines=lines)) == items  # a length that is wrong


def test_items_are_drawn_one_by_one_as_they_are_used():
    drawn = []
    stream = progress((drawn.append(number) or number for number in range(10)), "x")
    assert drawn == []
    next(stream), next(stream)
    assert drawn == [0, 1]


def test_a_log_gets_a_line_every_fifteen_seconds_with_rate_and_time_left(clock, capsys):
    run(clock, 5.0, range(10))
    assert capsys.readouterr().err.splitlines() == [  # an item in 5 s: 0.2 a second
        "decode: 3/10 utt, 0.2 utt/s, 0:35 left",
        "decode: 6/10 utt, 0.2 utt/s, 0:20 left",
        "decode: 9/10 utt, 0.2 utt/s, 0:05 left",
    ]


def test_slow_items_are_counted_with_a_rate_that_is_not_zero(clock, capsys):
    run(clock, 30.0, range(3), unit="batch")
    assert capsys.readouterr().err.splitlines()[0] == "decode: 1/3 batch, 0.033 batch/s, 1:00 left"


def test_without_a_total_there_is_a_rate_and_no_time_left(clock, capsys):
    run(clock, 20.0, iter(range(2)))
    assert capsys.readouterr().err.splitlines() == ["decode: 1 utt, 0.05 utt/s", "decode: 2 utt, 0.05 utt/s"]


def test_short_work_and_work_with_lines_of_its_own_write_nothing(clock, capsys):
    run(clock, 1.0, range(10))
    run(clock, 60.0, range(10), lines=False)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_with_count_and_rate(monkeypatch):
    stream = Stream(terminal=True)
    monkeypatch.setattr(sys, "stderr", stream)
    list(progress(range(4), "format", unit="file"))
    assert "format" in stream.getvalue() and "4/4" in stream.getvalue() and "file/s" in stream.getvalue()


@settings(derandomize=True)
@given(st.integers(0, 10**9), st.one_of(st.none(), st.integers(0, 10**9)),
       st.one_of(st.just(0.0), st.floats(1e-6, 1e9)))
def test_any_count_total_and_time_make_one_line(count, total, seconds):
    line = progress_line("x", count, total, seconds, "utt")
    left = r"(, ((\d+:)?\d+:\d\d|[\d,]+ d \d+ h) left)?"
    assert re.fullmatch(rf"x: \d+(/\d+)? utt, \d+(\.\d+)?(e[+-]\d+)? utt/s{left}", line), line


def test_an_estimate_of_the_total_that_was_too_low_never_gives_a_negative_time():
    assert progress_line("x", 12, 10, 6.0, "utt") == "x: 12/10 utt, 2.0 utt/s, 0:00 left"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.7, "1:00"), (123, "2:03"),
                                               (3599.6, "1:00:00"), (3723, "1:02:03"), (86399, "23:59:59"),
                                               (86400, "1 d 0 h"), (360000, "4 d 4 h"), (30e6, "347 d 5 h"),
                                               (172799, "2 d 0 h")])
def test_durations_are_read_as_on_a_clock(seconds, text):
    assert duration(seconds) == text
