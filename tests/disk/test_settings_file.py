"""YAML and JSON of unknown origin: plain data, counted before it is made."""

import io
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.disk.settings_file import parse_yaml, read_json, read_yaml, read_yaml_keys
from espnet_bljust.errors import InputError

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
MERGES = "a0: &a0 {k0: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}\n" for n in range(1, 9))


@pytest.mark.parametrize("bomb", [LAUGHS, MERGES], ids=["laughs", "merges"])
def test_a_few_lines_that_stand_for_millions_of_values_are_refused(bomb):
    assert len(bomb) < 1000
    with pytest.raises(InputError, match="more than 2000000 values"):
        parse_yaml(bomb, "x.yaml")


@pytest.mark.parametrize("text", [
    "!!python/object/apply:os.system ['touch trace']", "!!python/name:os.system", "&a [*a]", "a: &a {b: *a}",
    "[" * 5000, "{a: " * 3000, "9" * 5000, "2026-99-99", "{[a]: 1}", "a: b: c", "\x00", "*a",
    "%YAML 9\n---\na", "a\n---\nb",
])  # fmt: skip
def test_what_is_no_plain_data_is_one_line(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="^x.yaml:.*not YAML") as caught:
        parse_yaml(text, Path("x.yaml"))
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_plain_data_reads_as_pyyaml_reads_it(content):
    text = yaml.safe_dump(content)
    assert parse_yaml(text, "x") == yaml.safe_load(io.StringIO(text))


def test_aliases_are_allowed_where_they_stand_for_little():
    assert parse_yaml("a: &x [1, 2]\nb: *x\nc: {<<: {d: 3}}", "x") == {"a": [1, 2], "b": [1, 2], "c": {"d": 3}}


def test_files_that_are_none_or_too_large_are_named(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "bytes").write_bytes(b"a: \xff")
    (tmp_path / "list").write_text("[1]")
    (tmp_path / "deep").write_text("[" * 100_000)
    for read in (read_yaml, read_json):
        for name, said in (("large", "more than 16 MB"), ("bytes", "byte 4 is not UTF-8"), ("absent", "no such file"),
                           (".", "is a directory"), ("deep", "not ")):
            with pytest.raises(InputError, match=said):
                read(tmp_path / name)
    with pytest.raises(InputError, match="list:1: not a list of keys"):
        read_yaml_keys(tmp_path / "list")
