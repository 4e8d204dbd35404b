import random

import pytest

from espnet_bljust.data.kaldi.directory import KaldiDir, write_dir
from espnet_bljust.data.kaldi.new_sets import grow_sets, place_sets
from espnet_bljust.data.kaldi.utterance import Utterance
from espnet_bljust.disk import sorting as module
from espnet_bljust.disk.sorting import sorted_lines
from espnet_bljust.errors import InputError


@pytest.fixture
def many():
    """200 rows in random order; speakers that are no beginnings of ids; ids that sort otherwise as numbers."""
    generator = random.Random(0)
    made = [Utterance(f"{number}-ä{number % 3}", f"s{number % 7}", f"audio/{number}.flac", f"word {number}")
            for number in range(200)]  # fmt: skip
    generator.shuffle(made)
    return made


@pytest.mark.parametrize("run_rows", [7, 1000])
@pytest.mark.parametrize("with_text", [True, False])
def test_rows_in_any_order_make_the_directory_that_tables_in_memory_make(
    many, tmp_path, tree, monkeypatch, run_rows, with_text
):
    monkeypatch.setattr(module, "RUN_LINES", run_rows)
    text = {row.name: row.text for row in many} if with_text else None
    write_dir(tmp_path / "memory", KaldiDir({row.name: row.audio for row in many},
                                            {row.name: row.speaker for row in many}, text))  # fmt: skip
    assert grow_sets(tmp_path, {"disk": iter(many)}, without_text=() if with_text else ("disk",)) == []
    assert not (tmp_path / "disk").exists()
    place_sets(tmp_path, ["disk"])
    assert tree(tmp_path / "disk") == tree(tmp_path / "memory")
    assert not list(tmp_path.glob("*.tmp"))


def test_lines_are_sorted_as_python_sorts_them_whatever_they_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RUN_LINES", 2)
    monkeypatch.setattr(module, "MOST_RUNS", 2)  # three levels of merging
    lines = ["b", "a", "a\x01", "a b", "", "é", "\U0001f600", "a", "ab", "a\r", "z", "\udcff"]
    assert list(sorted_lines(iter(lines), tmp_path)) == sorted(lines)
    assert not list(tmp_path.iterdir())


def test_a_sort_that_is_killed_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RUN_LINES", 2)
    lines = sorted_lines((str(number) for number in range(9)), tmp_path)
    assert next(lines) == "0" and list(tmp_path.iterdir()) == []  # under way, and nothing has a name


def test_ids_that_come_twice_and_empty_sets_are_told_and_nothing_takes_its_place(many, tmp_path):
    twice = many[5]._replace(audio="elsewhere.flac")
    found = grow_sets(tmp_path, {"a": [*many, twice], "b": []})
    assert len(found) == 2 and twice.name in found[0] and "elsewhere.flac" in found[0]
    assert f"{tmp_path}/b: no utterance" in found[1]
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "row",
    [Utterance("a b", "s", "x.wav", "w"), Utterance("", "s", "x.wav", "w"), Utterance("a", "s s", "x.wav", "w"),
     Utterance("a", "", "x.wav", "w"), Utterance("a", "s", "x\ny.wav", "w"), Utterance("a", "s", "x.wav", "w\0"),
     Utterance("a", "s", "x.wav", None), Utterance("a", "s", "x.wav", " w"), Utterance("a", "s", "\ud800.wav", "w")],
)  # fmt: skip
def test_what_would_not_read_back_is_refused(row, tmp_path):
    with pytest.raises(InputError):
        grow_sets(tmp_path, {"a": [row]})
