"""Twenty kills of the matrix in tests/faults, on the recipe of noise: the stages that take no torch.

The whole of it, with all stages of a small mini: `python -m tests.faults --kills 200`, see docs/faults.md.
"""

import random

import pytest

from tests.faults.contents import contents
from tests.faults.kills import attempt, copy_house, run
from tests.faults.warm import LIGHT, Warm
from tests.helpers.house import Recipe, build_house, build_recipe

KILLS = {1: 3, 2: 3, 3: 5, 4: 3, 5: 3, 6: 3}


def words(stage):
    return "--speed_perturb_factors", "0.9 1.0", "--stage", str(stage), "--stop_stage", str(stage)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    python = Warm(tmp_path_factory.mktemp("warm"), LIGHT)
    yield python
    python.close()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, warm):
    """Stage -> (the house before it, its contents afterwards, seconds)."""
    root = tmp_path_factory.mktemp("unbroken")
    (root / "house").mkdir()
    recipe, states = build_recipe(build_house(root / "house")), {}
    for stage in KILLS:
        before = copy_house(root / "house", root / f"before.{stage}")
        status, output, seconds = run(recipe, words(stage), warm)
        assert status == 0, output
        states[stage] = before, contents(recipe.folder), seconds
    return states


@pytest.mark.parametrize("stage", KILLS)
def test_a_stage_killed_at_any_moment_and_started_again_ends_in_the_same_bytes(unbroken, warm, tmp_path, stage):
    house, expected, seconds = unbroken[stage]
    chance = random.Random(stage)
    for number in range(KILLS[stage]):
        moment = seconds * (number + chance.random()) / KILLS[stage]
        place = copy_house(house, tmp_path / str(number))
        outcome = attempt(Recipe(place), words(stage), [moment], expected, warm)
        assert outcome.equal, (moment, outcome)
