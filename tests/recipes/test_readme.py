"""The first page names every recipe, and repeats its figures as the recipe's own page has them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = sorted(path.parent.name for path in (ROOT / "egs2").glob("*/bljust"))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_its_line_in_the_first_readme(name):
    line = f"| [{name}](egs2/{name}/bljust/README.md) |"
    assert line in (ROOT / "README.md").read_text(), f"README.md, Every recipe: add a line that begins {line}"


def test_our_figures_on_the_first_page_are_those_of_the_recipes():
    row = re.compile(r"^\| ours: .* \| ([\d.]+) \| \[[^]]*\]\(([^)]*)\) \|$", re.MULTILINE)
    rows = row.findall((ROOT / "README.md").read_text())
    assert rows
    for figure, page in rows:
        tested = [line for line in (ROOT / page).read_text().splitlines() if line.startswith("| test |")]
        assert any(f"| {figure} |" in line for line in tested), f"README.md: {figure} is not in {page}. Which is right?"
