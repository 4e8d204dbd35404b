"""House rules that a machine can check, over every file that git tracks or would track."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUND = ("espnet_bljust/bilevel/", "espnet_bljust/network/")
# Written in pieces, since this file is searched too.
REGISTRIES = ["pypi" + ".org", "python" + "hosted.org", "index" + "-url", "arti" + "factory", "local" + "host:"]
MACHINE_PATH = re.compile(r"(?<![\w.$}/)*-])/(?:home|work|root|Users|scratch|mnt)/[\w.]")


def git_files():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    return [path for name in sorted(filter(None, listed.split("\0"))) if (path := ROOT / name).is_file()]


FILES = git_files()
PYTHON = [path for path in FILES if path.suffix == ".py"]
PACKAGE = [path for path in PYTHON if path.is_relative_to(ROOT / "espnet_bljust")]
pytestmark = pytest.mark.skipif(not FILES, reason="no git repository here: the list of files comes from git")


def name(path):
    return path.relative_to(ROOT).as_posix()


def text(path):
    """The content, empty for what is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def is_shell(path):
    return path.suffix == ".sh" or (not path.suffix and re.match(r"#!.*\b(?:ba)?sh\b", text(path)[:80]))


def test_no_python_file_is_longer_than_300_lines_and_on_the_ground_200():
    lengths = {name(path): len(text(path).splitlines()) for path in PYTHON}
    too_long = {file: length for file, length in lengths.items() if length > (200 if file.startswith(GROUND) else 300)}
    assert too_long == {}


def test_no_function_of_the_package_is_longer_than_40_lines():
    trees = {path: ast.walk(ast.parse(text(path))) for path in PACKAGE}
    functions = [(path, node) for path, tree in trees.items() for node in tree if isinstance(node, ast.FunctionDef)]
    spans = {f"{name(path)}:{node.lineno}: {node.name}": node.end_lineno - node.lineno + 1 for path, node in functions}
    assert {place: lines for place, lines in spans.items() if lines > 40} == {}


def test_every_module_of_the_package_says_what_it_is():
    assert [name(path) for path in PACKAGE if text(path) and not ast.get_docstring(ast.parse(text(path)))] == []


def test_the_sentence_that_names_a_test_has_less_than_90_letters():
    names = [(path, sentence) for path in PYTHON if path.is_relative_to(ROOT / "tests")
             for sentence in re.findall(r"^ *def (test_\w+)", text(path), re.MULTILINE)]  # fmt: skip
    assert names and [f"{name(path)}: {sentence}" for path, sentence in names if len(sentence) >= 90] == []


def test_public_functions_have_type_hints():
    bare = [
        f"{name(path)}:{function.lineno}: {function.name}"
        for path in PACKAGE
        for function in public_functions(ast.parse(text(path)))
        if lacks_hints(function)
    ]
    assert bare == []


def public_functions(tree):
    """Functions of a module and methods of its classes, without those that begin with an underscore."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node)
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            yield node


def lacks_hints(function):
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    listed += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    bare = [one.arg for one in listed if one.annotation is None and one.arg not in ("self", "cls")]
    return bool(bare) or (function.returns is None and function.name != "__init__")


def test_files_have_plain_names():
    """A command with a quote astray makes a file, and `git add -A` takes it."""
    assert not [name(path) for path in FILES if not re.fullmatch(r"[\w./+-]+", name(path), re.ASCII)]


def test_ruff_is_silent():
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_shellcheck_is_silent():
    scripts = [name(path) for path in FILES if is_shell(path)]
    shellcheck = Path(sys.executable).with_name("shellcheck")
    assert scripts and shellcheck.exists(), f"{shellcheck}: not installed. Install the extra `test`."
    command = [shellcheck, "--external-sources", "--source-path=SCRIPTDIR", *scripts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_names_a_package_registry():
    found = [f"{name(path)}: {word}" for path in FILES for word in REGISTRIES if word in text(path)]
    assert found == []


def test_no_file_names_a_folder_of_one_machine():
    found = [
        f"{name(path)}:{number}: {line.strip()[:80]}"
        for path in FILES
        for number, line in enumerate(text(path).splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(("line", "caught"), [("cd /wo" + "rk/main", True), ("'/ho" + "me/me/x'", True),
                                              ("$root/ho" + "me/x", False), ("../wo" + "rk/x", False)])  # fmt: skip
def test_folders_of_a_machine_are_told_from_relative_ones(line, caught):
    assert bool(MACHINE_PATH.search(line)) == caught


def test_nothing_is_left_to_do_or_commented_away():
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    assert [name(path) for path in FILES if marks.search(text(path))] == []
