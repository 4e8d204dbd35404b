"""YAML and JSON of unknown origin: plain data, counted before it is made."""

import io
import math
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.disk.settings_file import parse_yaml, read_json, read_yaml, read_yaml_keys
from espnet_bljust.disk.yaml_core import MAY_BE_INFINITE, as_yaml
from espnet_bljust.errors import InputError
from espnet_bljust.keys import key_of
from espnet_bljust.training import configuration

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
    "[" * 5000, "{a: " * 3000, "9" * 5000, "!!timestamp 2026-01-01", "!!bool yes", "!!int x", "{[a]: 1}", "a: b: c",
    "\x00", "*a",
    "%YAML 9\n---\na", "a\n---\nb",
])  # fmt: skip
def test_what_is_no_plain_data_is_one_line(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="^x.yaml:.*not YAML") as caught:
        parse_yaml(text, Path("x.yaml"))
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(st.none() | st.booleans() | st.integers() | FINITE | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_what_is_written_reads_as_it_was_here_and_in_pyyaml_and_so_in_espnet(content):
    text = as_yaml(content)
    assert parse_yaml(text, "x") == yaml.safe_load(io.StringIO(text)) == content


def test_text_that_one_schema_takes_for_a_number_is_written_so_that_both_read_text():
    words = ["1e5", "0o17", "0x1F", ".5e3", "+.5", "yes", "Off", "030", "1_0", "1:30", "2026-01-01", "~", "", "<<", "="]
    assert parse_yaml(as_yaml(words), "x") == yaml.safe_load(as_yaml(words)) == words


@pytest.mark.parametrize(("text", "value"), [
    ("030", 30), ("08", 8), ("+1", 1), ("0o17", 15), ("0x1F", 31), ("1e-3", 0.001), ("1E3", 1000.0), ("5.", 5.0),
    ("-.5", -0.5), (".5e3", 500.0), ("0b11", "0b11"), ("1_000", "1_000"), ("1:30", "1:30"), ("1.2.3", "1.2.3"),
    ("yes", "yes"), ("No", "No"), ("on", "on"), ("OFF", "OFF"), ("y", "y"), ("true", True), ("FALSE", False),
    ("tRue", "tRue"), ("null", None), ("~", None), ("", None), ("nULL", "nULL"), ("nan", "nan"), ("inf", "inf"),
    ("2026-01-01", "2026-01-01"), ("!!int 030", 30), ("!!str 030", "030"), ("'030'", "030"), ("!!float 3", 3.0),
])  # fmt: skip
def test_a_scalar_is_what_the_core_schema_of_yaml_1_2_says(text, value):
    found = parse_yaml(f"a: {text}", "x")["a"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(("text", "message"), [
    ("a: 1\nb: 2\na: 3\n", "x.yaml:3: a stands in line 1 and in line 3"),
    ("a:\n  b: 1\n  c: 2\n  'b': 3\n", "x.yaml:4: b stands in line 2 and in line 4"),
    ("- {a: 1,\n   a: 1}\n", "x.yaml:2: a stands in line 1 and in line 2"),
    ("10: a\n0xA: b\n", "x.yaml:2: 0xA stands in line 1 and in line 2"),
    ("<<: {a: 1}\n<<: {b: 1}\n", "x.yaml:2: << stands in line 1 and in line 2"),
    ("a: 1\nb: .nan\n", "x.yaml:2: .nan is no number"), ("a: [1,\n .NaN]\n", "x.yaml:2: .NaN is no number"),
    ("a: 1e999\n", "x.yaml:1: 1e999 is no number"), ("a: -1e999\n", "x.yaml:1: -1e999 is no number"),
    ("a:\n  b: .inf\n", "x.yaml:2: .inf: of all keys only grad_clip"), ("- -.INF\n", "x.yaml:1: -.INF: of all"),
])  # fmt: skip
def test_a_key_twice_and_what_is_no_number_are_named_with_their_lines(text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        parse_yaml(text, Path("x.yaml"))


def test_a_key_that_replaces_a_merged_one_is_none_that_stands_twice():
    assert parse_yaml("a: &x {b: 1, c: 1}\nd: {<<: *x, b: 2}\ne: {<<: *x}", "x") == {
        "a": {"b": 1, "c": 1}, "d": {"b": 2, "c": 1}, "e": {"b": 1, "c": 1}}


def test_the_keys_that_may_be_infinite_are_those_of_training_that_say_so():
    groups = [*configuration.TOP, *(kind for kinds in configuration.CONFS.values() for kind in kinds.values())]
    endless = {each.name for group in groups for each in fields(group) if key_of(each).most == math.inf}
    assert endless == {*MAY_BE_INFINITE} and parse_yaml("grad_clip: .inf", "x") == {"grad_clip": math.inf}


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    for name, text, read in (("a.yaml", "a: 1", read_yaml), ("a.json", '{"a": 1}', read_json)):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert read(tmp_path / name) == {"a": 1}


@pytest.mark.parametrize(("text", "said"), [('{"a": NaN}', "NaN is no number"), ('{"a": -Infinity}', "-Infinity is no"),
                                            ('{"b": {"a": 1, "a": 2}}', "the key 'a' stands twice")])  # fmt: skip
def test_json_has_no_key_twice_and_no_nan_either(text, said, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=said):
        read_json(tmp_path / "x.json")


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
