import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_bljust.data.kaldi.tables import read_table, scan_table, write_table
from espnet_bljust.errors import InputError

anything = st.characters(exclude_categories=["Cs"])
keys = st.text(anything, min_size=1).filter(lambda key: key.split() == [key] and "\0" not in key)
values = st.text(anything).map(str.strip).filter(lambda value: not set(value) & set("\n\r\0"))

BAD = {
    "two ids": (b"a 1\na 2\n", ":2: a stands on line 1 already"),
    "unsorted": (b"b 1\na 2\n", ":2: a sorts before b"),
    "unsorted where a locale would sort otherwise": (b"a 1\nB 2\n", ":2: B sorts before a"),
    "no value": (b"a 1\nb\n", ":2: b has nothing after it"),
    "only spaces as value": (b"a 1\nb   \n", ":2: b has nothing after it"),
    "blank line": (b"a 1\n\nb 2\n", ":2: a blank line"),
    "line of spaces": (b"a 1\n  \nb 2\n", ":2: a blank line"),
    "byte order mark": (b"\xef\xbb\xbfa 1\n", ":1: the file begins with a byte order mark"),
    "Latin-1": ("a 1\nb café\n".encode("latin-1"), ":2: byte 6 of the line is not UTF-8"),
    "Windows line ends": (b"a 1\r\nb 2\r\n", ":1: a carriage return"),
    "NUL": (b"a 1\nb \x00\n", ":2: a NUL character"),
    "indented": (b"a 1\n b 2\n", ":2: the line begins with white space"),
    "empty file": (b"", ":1: the file is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_refused_with_file_and_line(name, tmp_path):
    content, message = BAD[name]
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_table(path)
    assert f"{path}{message}" in str(error.value)
    assert str(error.value).rstrip().endswith("."), "the remedy ends the line"


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"text: no such file"):
        read_table(tmp_path / "text")


def test_all_problems_are_reported_at_once_and_a_long_list_goes_to_a_file_that_is_named(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"".join(b"a %d\n" % number for number in range(30)))
    with pytest.raises(InputError) as error:
        read_table(path)
    listed = tmp_path / "text.problems.txt"
    assert f"All 29 problems: {listed}" in str(error.value)
    assert len(str(error.value).splitlines()) == 4
    assert len(listed.read_text().splitlines()) == 29


def test_a_line_separator_of_unicode_ends_no_line(tmp_path):
    path = tmp_path / "text"
    path.write_text("a one\u2028two\x85three\nb 2\n", encoding="utf-8")
    assert read_table(path) == {"a": "one\u2028two\x85three", "b": "2"}


def test_an_entry_knows_its_line(tmp_path):
    (tmp_path / "text").write_text("a 1\nb 2 3\n")
    assert scan_table(tmp_path / "text").entries["b"] == (2, "2 3")


@given(table=st.dictionaries(keys, values, min_size=1))
def test_what_is_written_reads_back_the_same(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "text"
    write_table(path, table)
    assert read_table(path, allow_empty=True) == table
    lines = path.read_bytes().split(b"\n")[:-1]
    first_words = [line.split(b" ")[0] for line in lines]
    assert first_words == sorted(first_words), "sorted as bytes, LC_ALL=C"


@pytest.mark.parametrize(
    "table", [{"a b": "1"}, {"": "1"}, {"a": " 1"}, {"a": "1\n2"}, {"a": "\ud800"}, {"a\u3000": "1"}]
)
def test_what_would_not_read_back_is_not_written(table, tmp_path):
    with pytest.raises(InputError, match="text"):
        write_table(tmp_path / "text", table)
    assert not (tmp_path / "text").exists()
