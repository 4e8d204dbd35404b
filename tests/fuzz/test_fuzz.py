"""What fuzzing found stays mended, and some seconds more of it find nothing new."""

import json
import signal
from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz, judge, too_slow
from tests.fuzz.mutate import mutate
from tests.fuzz.targets import targets

FINDINGS = sorted(path.parent for path in Path(__file__).parent.glob("findings/*/finding.json"))


@pytest.fixture(scope="module")
def readers():
    return targets()


@pytest.mark.parametrize("folder", FINDINGS, ids=lambda folder: folder.name)
def test_every_finding_is_a_result_or_one_line_now(folder, readers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "setitimer", lambda *_: None)  # a machine may be slow; memory and messages are not
    target = json.loads((folder / "finding.json").read_text())["target"]
    inside = folder / "case"
    case = {str(path.relative_to(inside)): path.read_bytes() for path in inside.rglob("*") if path.is_file()}
    assert judge(readers[target], case, tmp_path / "work") == ""


def test_every_small_file_that_is_damaged_is_read_whole_first(readers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, target in readers.items():
        for case in target.cases:
            assert judge(target, case, tmp_path / "work", limited=False) == "", name


def test_the_same_seed_damages_in_the_same_way(readers):
    import random

    (case,) = readers["stm"].cases
    first, second = ([mutate(case, random.Random(seed), [case]) for seed in range(50)] for _ in range(2))
    assert first == second and len({str(sorted(one.items())) for one in first}) > 40


def test_some_seconds_of_fuzzing_find_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    signal.signal(signal.SIGPROF, too_slow)
    counts, wrongs = fuzz(0.1, 0, [], tmp_path / "findings")
    assert wrongs == [] and len(counts) == len(targets()) and counts.total() > 100
