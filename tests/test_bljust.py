"""`bljust <command>`: lists without importing, runs any command as python -m does, and knows what was meant."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLJUST = Path(sys.executable).with_name("bljust")
COMMANDS = sorted(path.stem for path in (ROOT / "espnet_bljust/bin").glob("*.py") if path.stem != "__init__")


def bljust(*words, code=0):
    done = subprocess.run([sys.executable, "-m", "espnet_bljust", *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_help_names_every_command_with_the_first_line_of_its_docstring_and_imports_none():
    program = ("import sys; sys.argv = ['bljust', '--help']; from espnet_bljust.__main__ import main\n"
               "try: main()\n"
               "except SystemExit as left: print(left.code, {'torch', 'numpy', 'yaml'} & set(sys.modules))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *lines, last = done.stdout.splitlines()
    assert last == "0 set()" and [line.split()[0] for line in lines[2:]] == COMMANDS
    first = (ROOT / "espnet_bljust/bin/recognise.py").read_text().splitlines()[0].removeprefix('"""')
    assert any(line.split(maxsplit=1) == ["recognise", first] for line in lines)
    assert bljust(code=2).splitlines()[0] == lines[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_its_options_with_dashes_or_underscores(name):
    program = f"""
import runpy, sys
sys.argv = ["bljust", "{name.replace("_", "-")}", "--help"]
try: runpy.run_module("espnet_bljust", run_name="__main__")
except SystemExit as left: print(left.code, "torch" in sys.modules)"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"usage: bljust {name} ") and done.stdout.splitlines()[-1].split()[0] == "0"


@pytest.mark.parametrize("name", ["recognise", "score", "check_data", "doctor", "compare", "upload", "average"])
def test_commands_that_people_type_tell_their_options_without_torch(name):
    program = (f"import sys; sys.argv = ['bljust', '{name}', '--help']; from espnet_bljust.__main__ import main\n"
               "try: main()\nexcept SystemExit: print('torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_an_unknown_command_is_one_line_with_the_nearest_name():
    assert bljust("recognize", code=2) == (
        "bljust recognize: no such command. Did you mean recognise? bljust --help lists them.\n")


def test_a_command_runs_with_its_own_words_and_its_own_status():
    absent = bljust("score-classes", "--ref", "none", "--hyp", "none", "--out_dir", "none", code=1)
    assert absent.startswith("error: none")
    wrong = bljust("score_classes", "--reff", "x", code=2)
    assert wrong.startswith("bljust score_classes: the following arguments are required")


@pytest.mark.skipif(not BLJUST.exists(), reason="espnet_bljust is not installed here: ./setup.sh makes the script")
def test_the_installed_script_is_the_same():
    assert subprocess.run([BLJUST, "--help"], capture_output=True, text=True, check=True).stdout == bljust("--help")
