"""The one parser, seen from the shell."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEFINED = dict(re.findall(r"^([a-z]\w*)=(.*?)[ \t]+# ", (ROOT / "local/bljust.sh").read_text(), re.MULTILINE))
SCRIPT = """#!/usr/bin/env bash
set -euo pipefail
## Things
name="a b"      # any words
count=3         # how many
rate=0.5        # share
quick=false     # in haste
colour=red      # of the thing (red|green|dark_blue)
. "{root}/local/parse_options.sh" "$0" "$@"
printf '%s|' "$name" "$count" "$rate" "$quick" "$colour"
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.sh"
    path.write_text(SCRIPT.format(root=ROOT))

    def run(*words):
        return subprocess.run(["bash", path, *words], capture_output=True, text=True)

    return run


def test_help_lists_every_option_with_its_default_and_nothing_else(recipe):
    shown = dict(re.findall(r"^  --(\w+) ('[^']*'|\S+)\s{1,}\S", recipe.run("--help"), re.MULTILINE))
    assert list(shown) == list(DEFINED)
    assert {name: value.strip("\"'") for name, value in shown.items()} == {
        name: value.strip("\"'") for name, value in DEFINED.items()
    }


def test_help_lists_the_fifteen_stages_and_the_values_of_the_recipe(recipe):
    text = recipe.run("--help")
    assert [int(number) for number in re.findall(r"^ +(\d+)  \w+ +\S", text, re.MULTILINE)] == list(range(1, 16))
    assert re.search(r"--token_type bpe .*\[here: char\]", text)


def test_defaults_stand_where_nothing_is_given(script):
    assert script().stdout == "a b|3|0.5|false|red|"


def test_values_arrive_unchanged_whatever_they_hold(script):
    for value in ("", "x  y", "$(touch bad)", "`id`", "it's", 'a "b"', "*", "--count", "a\nb", "\\", "ä"):
        assert script("--name", value, "--colour", "green").stdout == f"{value}|3|0.5|false|green|"


def test_dashes_are_underscores_and_a_boolean_may_stand_alone(script):
    assert script("--quick", "--colour", "dark_blue").stdout == "a b|3|0.5|true|dark_blue|"
    assert script("--count", "4", "--quick").stdout == "a b|4|0.5|true|red|"
    assert script("--quick", "false").stdout == "a b|3|0.5|false|red|"


@pytest.mark.parametrize(("words", "answer"), [
    (["--cuont", "3"], "script.sh: --cuont: no such option. The nearest is --count; --help lists all."),
    (["--zzzzzz", "3"], "script.sh: --zzzzzz: no such option. --help lists all."),
    (["--colour", "gren"], "script.sh: --colour gren: expected one of red, green, dark_blue. Did you mean green?"),
    (["--count", "3.5"], "script.sh: --count 3.5: expected a whole number, such as 3."),
    (["--count", ""], "script.sh: --count '': expected a whole number, such as 3."),
    (["--rate", "fast"], "script.sh: --rate fast: expected a number, such as 0.5."),
    (["--quick", "yes"], "script.sh: --quick yes: expected one of true, false."),
    (["--count"], "script.sh: --count: needs a value. how many"),
    (["stray"], "script.sh: stray: not an option. Options are written --name value; --help lists them."),
])
def test_what_is_wrong_stops_with_one_line(script, words, answer):
    result = script(*words)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", answer + "\n")


def test_a_required_option_is_asked_for(recipe):
    (recipe.folder / "run.sh").write_text('#!/bin/sh\ncd "$(dirname "$0")" && ../../../local/bljust.sh --train_set t\n')
    assert "--valid_set is needed: dev set" in recipe.run(code=1)


def test_every_size_file_is_a_model_size_and_nothing_else_is():
    (line,) = (line for line in (ROOT / "local/bljust.sh").read_text().splitlines() if line.startswith("model_size="))
    assert set(line.split("(")[1].rstrip(")").split("|")) == {path.stem for path in ROOT.glob("conf/size/*.yaml")}


def test_the_pipeline_reads_every_option_it_defines():
    readers = "".join((ROOT / "local" / name).read_text() for name in ("names.sh", "stages.sh", "run_stage.sh"))
    # test_sets and the like appear once in name_things: that counts
    unread = [name for name in DEFINED if not re.search(rf"\b{name}\b", readers)]
    assert unread == []


@pytest.mark.parametrize(("words", "part"), [
    (("--nj", "0"), "--nj 0: expected at least 1."),
    (("--dumpdir", ""), "--dumpdir '': expected a value, such as dump."),
    (("--expdir", ""), "--expdir '': expected a value, such as exp."),
    (("--skip_stages", "1-x"), "--skip_stages '1-x': 1-x is no stage."),
    (("--skip_stages", "6-1"), "--skip_stages '6-1': 6-1 is no stage."),
    (("--stage", "14"), "stage 14 is left out by --skip_packing true, the default. Give --skip_packing false"),
    (("--stop_stage", "6", "--skip_stages", "1-6"), "no stage is left to run: stage 1 is left out by --skip_stages"),
    (("--seed", "4294967296"), "--seed 4294967296: expected a whole number of at most 4294967295."),
    (("--labels_seed", "-3"), "--labels_seed -3: expected a whole number of at most 4294967295."),
    (("--nj", "-3"), "--nj -3: expected a whole number, such as 32."),
    (("--fs", "16kk"), "--fs 16kk: expected a rate, such as 16k or 16000."),
    (("--stage", "5", "--stop_stage", "3"), "--stage 5 is above --stop_stage 3: no stage is left to run."),
    (("--python", "no-such-python"), "--python no-such-python: no such program."),
    (("--an4_dir", "x"), 'An option of local/data.py goes into --local_data_opts "--an4_dir ..."'),
])
def test_a_value_that_can_never_work_stops_before_any_stage(recipe, words, part):
    output = recipe.run(*words, code=1)
    assert part in output and output.count("\n") == 1


def test_stages_to_leave_out_may_be_a_range(recipe):
    output = recipe.run("--dry_run", "true", "--skip_stages", "1-3,5 7-13", "--python", sys.executable)
    assert re.findall(r"^stage (\d+) ", output, re.MULTILINE) == ["4", "6"]
