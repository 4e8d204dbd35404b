"""A house of its own for each test, and recipes in it at several stages."""

import shutil
from pathlib import Path

import pytest

from tests.helpers.house import Recipe, build_house, build_recipe, clone_recipe


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return build_house(tmp_path)


@pytest.fixture
def recipe(house: Path) -> Recipe:
    return build_recipe(house)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A house whose recipe has run stages 1 to 5, and what it said."""
    folder = build_house(tmp_path_factory.mktemp("finished"))
    return folder, build_recipe(folder).run("--stop_stage", "5")


@pytest.fixture
def finished(finished_once: tuple[Path, str], tmp_path: Path) -> Recipe:
    """A copy of it, with all times kept, to do with as a test likes."""
    shutil.copytree(finished_once[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    return Recipe(tmp_path)


@pytest.fixture
def copy_recipe(house: Path):
    """As clone_recipe, in the test's house."""
    return lambda name: clone_recipe(house, name)


@pytest.fixture(scope="session")
def small_mini(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """egs2/mini with a few utterances, its stages 1 to 5 done."""
    mini = clone_recipe(build_house(tmp_path_factory.mktemp("mini")), "mini")
    amounts = {"train": (12, 4), "unlabelled": (20, 7), "dev": (4, 2), "test": (5, 3)}
    words = [f"--num_{name} {count} --num_{name}_speakers {speakers}" for name, (count, speakers) in amounts.items()]
    mini.run("--stop_stage", "5", "--speed_perturb_factors", "", "--local_data_opts", " ".join(words))
    return mini
