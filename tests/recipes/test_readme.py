"""The first page names every recipe."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = sorted(path.parent.name for path in (ROOT / "egs2").glob("*/bljust"))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_its_line_in_the_first_readme(name):
    line = f"| [{name}](egs2/{name}/bljust/README.md) |"
    assert line in (ROOT / "README.md").read_text(), f"README.md, Every recipe: add a line that begins {line}"
