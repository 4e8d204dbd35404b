"""Options that arms share stand once: groups, and a file that several descriptions include."""

import csv
from pathlib import Path

import pytest
import yaml

from espnet_bljust.comparison.description import read_description
from espnet_bljust.errors import InputError

ROOT = Path(__file__).parents[2]
STUDIES = sorted(path for path in (ROOT / "egs2").glob("*/bljust/conf/evidence/*.yaml") if path.stem != "shared")
SHARED = """
options: {model_size: tiny, asr_args: a=1}
groups:
  half: {asr_args: b=2 c=3}
  new: {init_from: "", asr_args: c=4}
"""
DESCRIPTION = """
name: toy
seeds: [0]
test_set: test
reference: bljust
include: shared.yaml
options: {use: [half], nbest_average: 3}
groups:
  half: {asr_args: b=5}
arms:
  bljust: {method: bljust}
  new: {use: [new, half], init_from: x, asr_args: b=6}
"""


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "shared.yaml").write_text(SHARED)
    (tmp_path / "toy.yaml").write_text(DESCRIPTION)
    return tmp_path / "toy.yaml"


def test_an_arm_has_what_all_share_then_its_groups_then_its_own(toy):
    description = read_description(toy)
    assert description.arm_options("bljust") == {
        "model_size": "tiny", "nbest_average": 3, "method": "bljust", "asr_args": "a=1 b=5"}
    assert description.arm_options("new") == {
        "model_size": "tiny", "nbest_average": 3, "init_from": "x", "asr_args": "a=1 b=5 c=4 b=5 b=6"}


@pytest.mark.parametrize(("old", "new", "answer"), [
    ("include: shared.yaml", "include: other.yaml", "include is 'other.yaml', and there is no file"),
    ("include: shared.yaml", "include: toy.yaml", "toy.yaml: arms cannot be included. Such a file has groups and "),
    ("use: [new, half]", "use: [nwe]", "arm new uses 'nwe', which is no group. Groups: half, new."),
    ("use: [new, half]", "use: half", r"arm new: use is 'half', not a list of groups. Write use: \[half\]."),
    ("options: {use: [half]", "options: {use: [hlaf]", "options uses 'hlaf', which is no group"),
    ("half: {asr_args: b=5}", "half: b=5", "group half is no options. Write groups: "),
    ("half: {asr_args: b=5}", "half: {use: [new]}", "group half uses groups itself. Name them in the arms"),
])
def test_a_mistake_in_what_is_shared_is_one_line(toy, old, new, answer):
    toy.write_text(toy.read_text().replace(old, new))
    with pytest.raises(InputError, match=answer):
        read_description(toy)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parents[3].name}/{path.stem}")
def test_a_finished_study_has_arms_and_is_named_after_its_file(path):
    assert (description := read_description(path)).name == path.stem and description.arms


@pytest.mark.parametrize("path", sorted((ROOT / "egs2").glob("*/bljust/conf/evidence/shared.yaml")),
                         ids=lambda path: path.parents[3].name)
def test_every_shared_group_is_used(path):
    contents = [yaml.safe_load(study.read_text()) for study in STUDIES if study.parent == path.parent]
    parts = [part for content in contents for part in (content["options"], *content["arms"].values())]
    used = {group for part in parts for group in part.get("use", [])}
    assert set(yaml.safe_load(path.read_text())["groups"]) == used


@pytest.mark.parametrize("table", sorted((ROOT / "docs/evidence").glob("*_trials.csv")), ids=lambda path: path.stem)
def test_every_trial_of_a_study_has_its_row_and_every_row_its_arm(table):
    """By study, arm and seed; the page says which seeds of more_trials were run."""
    recipe = table.stem.removesuffix("_trials")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    for study in {row["study"] for row in rows}:
        description = read_description(ROOT / f"egs2/{recipe}/bljust/conf/evidence/{study}.yaml")
        mine = [(row["arm"], int(row["seed"])) for row in rows if row["study"] == study]
        assert len(mine) == len(set(mine))
        assert {arm for arm, _ in mine} == set(description.arms)
        assert {seed for _, seed in mine} == set(description.seeds)
    assert all(0 < float(row["cer_percent"]) < 130 for row in rows)
