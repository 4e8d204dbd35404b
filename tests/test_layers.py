"""The rooms of the package and who may import whom: every import statement is read, wherever it stands."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "espnet_bljust"
# Each room's docstring says what it may import; three modules of network/, which its rooms read, count as its ground.
GROUND_OF_NETWORK = ("config.py", "head_config.py", "log_mel_config.py")
GROUPS = ("data", "network")  # folders of rooms; their name in a docstring stands for all of them
WITHOUT_TORCH = ("disk", "data", "scoring", "shell")
# What a folder may import from outside, beside Python's own library; the others are free but for espnet2.
OUTSIDE = {
    "bilevel": {"torch"},
    "network": {"torch", "numpy"},
    "disk": {"numpy", "yaml", "matplotlib"},
    "data": {"numpy", "scipy", "soundfile", "kaldiio", "sentencepiece", "langcodes", "espeakng_loader", "matplotlib"},
    "scoring": {"numpy", "matplotlib"},
    "weights": {"torch", "safetensors"},
    "shell": set(),
}
NOT_ON_THE_GROUND = {"logging", "os", "pathlib", "io", "json", "yaml", "argparse", "espnet_bljust.progress"}
# where it is not called as the module is
DISTRIBUTION = {"yaml": "pyyaml", "espnet2": "espnet"}
RECIPE_FILES = sorted((ROOT / "egs2").rglob("*.py"))


def imports(path):
    """Full dotted names of what a file imports; `from a import b` is both a and a.b, since b may be a module."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; name the package in full"
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def tops(path):
    return {name.split(".")[0] for name in imports(path)}


def room_of(path):
    """The room in which a file of the package stands; of one at the root, none."""
    first, *others = path.relative_to(PACKAGE).parts
    if not others:
        return ""
    if first == "network" and others[0] in GROUND_OF_NETWORK:
        return "network.config"
    return f"{first}.{others[0]}" if first in GROUPS and len(others) > 1 else first


def rooms(path):
    """Rooms of the package that a file imports from."""
    files = []
    for name in imports(path):
        first, *parts = name.split(".")
        if first == "espnet_bljust":
            file = PACKAGE.joinpath(*parts).with_suffix(".py") if parts else PACKAGE / "__init__.py"
            files += [file] if file.is_file() else []
    return {room_of(file) for file in files} - {""}


def may_import(room):
    """The rooms that the docstring of ``room`` names."""
    words = re.search(r"^May import: ([^\n]*(?:\n    [^\n]*)*)\.$", docstring(room), re.MULTILINE)
    assert words, f"{room}: its docstring has no line 'May import: ...'."
    named = set(words[1].replace("\n", " ").replace(", ", " ").split()) - {"nothing"}
    if named == {"all", "rooms"}:
        return set(ROOMS)
    assert named <= {*ROOMS, *GROUPS}, f"{room}: may import {named - {*ROOMS, *GROUPS}}, which are no rooms."
    return {one for one in ROOMS if one in named or one.split(".")[0] in named and one.split(".")[0] in GROUPS}


def docstring(room):
    return ast.get_docstring(ast.parse((PACKAGE.joinpath(*room.split(".")) / "__init__.py").read_text())) or ""


ROOMS = sorted({room_of(path) for path in PACKAGE.rglob("*.py")} - {""})
ROOMS_BELOW = {room: may_import(room) if room != "network.config" else set() for room in ROOMS}


def files_of(room):
    return sorted(path for path in PACKAGE.rglob("*.py") if room_of(path) == room)


def files_in(folder):
    return sorted((PACKAGE / folder).rglob("*.py"))


def breaches(files, found):
    """``file: what`` for each file in which ``found(file)`` is not empty."""
    return [f"{path.relative_to(ROOT)}: {sorted(names)}" for path in files if (names := found(path))]


def test_no_two_rooms_lean_on_each_other():
    """Rooms can be taken away one after the other, each when none that is left may import it."""
    left = {room: below - {room} for room, below in ROOMS_BELOW.items() if room not in ("bin", *GROUPS)}
    while free := [room for room in left if not any(room in below for below in left.values())]:
        left = {room: below for room, below in left.items() if room not in free}
    assert left == {}


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "network.config"])
def test_a_room_says_what_it_holds_and_where_to_begin(room):
    begin = re.search(r"^Begin with (.*)\.$", docstring(room), re.MULTILINE)
    assert begin and len(docstring(room).splitlines()) <= 10
    files = re.findall(r"[\w/]+\.py", begin[1])
    assert [file for file in files if not PACKAGE.joinpath(*room.split("."), file).is_file()] == []


@pytest.mark.parametrize("room", ROOMS_BELOW)
def test_a_room_imports_only_rooms_below_it(room):
    assert files_of(room)
    assert breaches(files_of(room), lambda path: rooms(path) - ROOMS_BELOW[room] - {room}) == []


@pytest.mark.parametrize("folder", OUTSIDE)
def test_a_room_imports_only_its_own_packages(folder):
    known = OUTSIDE[folder] | sys.stdlib_module_names | {"espnet_bljust"}
    assert breaches(files_in(folder), lambda path: tops(path) - known) == []


def test_every_package_that_is_imported_is_declared_in_setup_cfg():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = settings["options"]["install_requires"] + "".join(settings["options.extras_require"].values())
    declared = {re.split(r"[<>=!~\[ ]", line)[0].replace("-", "_") for line in lines.splitlines() if line}
    known = sys.stdlib_module_names | {"espnet_bljust"} | declared
    every = sorted(PACKAGE.rglob("*.py"))
    assert breaches(every, lambda path: {DISTRIBUTION.get(top, top) for top in tops(path)} - known) == []


def test_only_the_room_espnet_imports_espnet2():
    others = sorted(set(PACKAGE.rglob("*.py")) - set(files_in("espnet")))
    assert breaches(others, lambda path: tops(path) & {"espnet", "espnet2", "espnet3"}) == []


def test_yaml_is_read_and_written_in_one_place():
    """PyYAML alone reads YAML 1.1: 030 is 24, yes is true, and of a key that stands twice the last wins."""
    others = [*PACKAGE.rglob("*.py"), *RECIPE_FILES, *(ROOT / "bench").rglob("*.py")]
    found = {path.name for path in others if "yaml" in tops(path)}
    assert found == {"settings_file.py", "yaml_core.py"}


def test_root_modules_import_no_room():
    """But for the public face, which __init__.py imports when it is asked for."""
    assert rooms(PACKAGE / "__init__.py") == {"decoding"}
    assert breaches(sorted(set(PACKAGE.glob("*.py")) - {PACKAGE / "__init__.py"}), rooms) == []


def test_a_command_has_a_parser_and_a_main_and_nothing_else():
    def found(path):
        nodes = ast.parse(path.read_text(encoding="utf-8")).body
        named = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        return named ^ {"get_parser", "main"}

    assert breaches([path for path in files_in("bin") if path.stem != "__init__"], found) == []


def test_options_of_a_command_line_end_in_the_commands():
    """espnet/ has the methods that ESPnet calls with its own."""
    def found(path):
        functions = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                     if isinstance(node, ast.FunctionDef)]
        return {function.name for function in functions for argument in ast.walk(function.args)
                if isinstance(argument, ast.arg) and argument.annotation and "Namespace" in ast.unparse(
                    argument.annotation)}

    others = [path for path in PACKAGE.rglob("*.py") if room_of(path) not in ("bin", "espnet")]
    assert breaches(sorted(set(others) - {PACKAGE / "command.py"}), found) == []


@pytest.mark.parametrize("folder", ["bilevel", "network"])
def test_the_ground_floor_reads_no_file_and_logs_nothing(folder):
    def found(path):
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        return set(imports(path)) & NOT_ON_THE_GROUND | calls & {"open", "print"}

    assert breaches(files_in(folder), found) == []


def test_recipes_import_the_data_rooms_what_writes_to_disk_and_root_modules_alone():
    def found(path):
        local = {sibling.stem for sibling in path.parent.glob("*.py")}
        outside = tops(path) - sys.stdlib_module_names - local - {
            "espnet_bljust", "numpy", "soundfile", "pympi", "praatio", "webvtt"}  # the last three: timed transcripts
        return outside | {room for room in rooms(path) if not room.startswith(("data", "disk"))}

    assert breaches(RECIPE_FILES, found) == []


def test_what_needs_no_torch_starts_without_it_and_without_espnet2():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for folder in WITHOUT_TORCH
        for path in files_in(folder)
    ]
    program = (
        f"import importlib, sys; [importlib.import_module(module) for module in {modules}];"
        "print({'torch', 'espnet2', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
