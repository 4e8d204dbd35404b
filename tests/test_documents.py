"""The documents: narrow enough to read, the first page short, no link, anchor or named file that does not exist."""

import re

import pytest

from tests.test_layers import ROOMS, docstring
from tests.test_style import FILES, ROOT, name, text

PAGES = [path for path in FILES if path.suffix == ".md"]
TEMPLATES = {"conf/model_card.md", "conf/model_usage_espnet.md", "conf/model_usage_own.md"}  # of a model elsewhere
LONGEST_LINE, LONGEST_CELL, FIRST_PAGE_WORDS = 120, 100, 600
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGE_NAMED = re.compile(r"\bdocs/[\w/.-]*\w\.(?:md|csv|png)\b")
CODE_NAMED = re.compile(r"`(?:\./)?((?:bench|egs2|espnet_bljust|local|tests|[a-z]+(?:/[a-z]+)?)/[\w/.-]+\.(?:py|sh))`")
pytestmark = pytest.mark.skipif(not FILES, reason="no git repository here: the list of files comes from git")


def outside_code(page):
    """(number, line) of a page without its code blocks, fenced or indented."""
    fenced = False
    for number, line in enumerate(text(page).splitlines(), 1):
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if not (fence or fenced or line.startswith("    ")):
            yield number, line


def is_row(line):
    return line.lstrip().startswith("|")


def test_no_line_outside_a_table_is_over_120_columns():
    assert [f"{name(page)}:{number}" for page in PAGES for number, line in enumerate(text(page).splitlines(), 1)
            if len(line) > LONGEST_LINE and not is_row(line)] == []


def test_no_cell_of_a_table_is_over_100_characters():
    assert [f"{name(page)}:{number}: {cell.strip()[:40]}..." for page in PAGES for number, line in outside_code(page)
            if is_row(line) for cell in re.split(r"(?<!\\)\|", line) if len(cell.strip()) > LONGEST_CELL] == []


def test_the_first_page_has_at_most_600_words():
    words = len(text(ROOT / "README.md").split())  # as wc -w counts, tables included
    assert words <= FIRST_PAGE_WORDS, f"README.md: {words} words. What is longer belongs to docs/."


def anchors(page):
    """Of its headings, as GitHub makes them: small letters, no punctuation, dashes for spaces, numbers for repeats."""
    found = []
    for _, line in outside_code(page):
        if heading := re.match(r"#{1,6} +(.+)", line):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1].strip().lower())
            slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            found.append(slug + (f"-{found.count(slug)}" if slug in found else ""))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    body = "\n".join(line for _, line in outside_code(page))
    targets = LINK.findall(re.sub(r"`[^`\n]*`", "", body))
    assert name(page) in TEMPLATES or [target for target in targets if not leads_somewhere(page, target)] == []


def leads_somewhere(page, target):
    if re.match(r"https?://", target):
        return True
    file, _, anchor = target.partition("#")
    goal = (page.parent / file).resolve() if file else page
    return goal.exists() and (not anchor or anchor in anchors(goal))


def test_pages_that_code_settings_and_messages_name_exist():
    files = [path for path in FILES if path.suffix in (".py", ".sh", ".yaml", ".md", ".cfg", ".txt", "")]
    assert [f"{name(path)}: {page}" for path in files for page in PAGE_NAMED.findall(text(path))
            if not (ROOT / page).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_of_code_that_a_page_names_exist(page):
    """`decoding/windows.py` is espnet_bljust's, `local/data.py` a recipe's, `local/launch/run.py` the root's."""
    places = [ROOT, ROOT / "espnet_bljust", page.parent, ROOT / "egs2/an4/bljust"]
    ours = {path.name for place in places[:2] for path in place.iterdir() if path.is_dir()}
    tests = {path.name for path in FILES if path.is_relative_to(ROOT / "tests")}
    assert [file for file in CODE_NAMED.findall(text(page)) if file.split("/")[0] in ours
            and not any((place / file).exists() for place in places)] == []
    assert [file for file in re.findall(r"\btest_\w+\.py\b", text(page)) if file not in tests] == []


def test_the_table_of_rooms_says_what_their_docstrings_say():
    row = re.compile(r"^\| `([a-z/]+)/` \| [^|]+ \| ([^|]+) \| `([\w.]+)` \|$", re.MULTILINE)
    rows = {room.replace("/", "."): (may, first) for room, may, first in row.findall(text(ROOT / "docs/developing.md"))}
    assert set(rows) == set(ROOMS) - {"network.config", "data"}  # a file, and a folder of rooms alone
    assert [room for room, (may, first) in rows.items() if f"May import: {may}." not in docstring(room)
            or f"Begin with {first}" not in docstring(room)] == []


@pytest.mark.parametrize(("line", "cells"), [(r"| a \| b | c |", 2), ("| a |", 1)])
def test_an_escaped_bar_does_not_part_cells(line, cells):
    assert len(re.split(r"(?<!\\)\|", line)) - 2 == cells


def test_anchors_are_made_as_github_makes_them(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# 10 % of `wav.scp`, [linked](x.md)\n## A_b-c\n## A_b-c\n```\n# no heading\n```\n")
    assert anchors(page) == ["10--of-wavscp-linked", "a_b-c", "a_b-c-1"]
