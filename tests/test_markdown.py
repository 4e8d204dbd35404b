"""Tables are read back by an implementation of GitHub's tables that is not ours, whatever stands in a cell."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.markdown import row, table

markdown_it = pytest.importorskip("markdown_it", reason="install markdown-it-py")


def read(lines):
    """(row, cell) as the parser sees them, and how each column stands."""
    tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse("\n".join(lines))
    assert [token.type for token in tokens if token.level == 0] == ["table_open", "table_close"]
    rows, sides = [], []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            sides.append(token.attrs.get("style"))
        elif token.type == "inline":
            rows[-1].append("".join(part.content for part in token.children))
    return rows, sides


# Bars, backslashes and line breaks are a table's matter; what marks text up in all of Markdown is not.
cells = st.text(st.sampled_from("ab1 .%|\\\n\r\u2028"), max_size=8)
contents = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=4))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(contents, st.sampled_from(["", " "]))
def test_every_cell_is_read_back_whatever_stands_in_it(rows, pad):
    expected = [[" ".join(cell.splitlines()).strip() for cell in row] for row in rows]
    assert read(table(rows[0], rows[1:], pad=pad))[0] == expected


def test_columns_stand_to_the_left_or_to_the_right():
    lines = table(["set", "hours"], [["dev", 1.5]], align="lr")
    assert lines == ["| set | hours |", "|---|---:|", "| dev | 1.5 |"]
    assert read(lines)[1] == [None, "text-align:right"]


def test_a_row_of_its_own_is_that_of_the_table():
    assert table(["a", "b"], [[1, "x|y"]]) == [*table(["a", "b"]), row([1, "x|y"])]
