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
# Rooms that a room may import, from the ground up; bilevel and network are strangers to each other and to all others.
ROOMS_BELOW = {
    "bilevel": set(),
    "network": set(),
    "data": set(),
    "scoring": {"data"},
    "espnet": {"bilevel", "network", "data", "scoring"},
    "bin": {"bilevel", "network", "data", "scoring", "espnet"},
}
# What a room may import from outside, beside Python's own library; the upper two are free but for espnet2.
OUTSIDE = {
    "bilevel": {"torch"},
    "network": {"torch", "numpy"},
    "data": {"numpy", "scipy", "soundfile", "kaldiio", "sentencepiece", "espeakng_loader"},
    "scoring": {"numpy", "matplotlib"},
}
NOT_ON_THE_GROUND = {"logging", "os", "pathlib", "io", "json", "yaml", "argparse", "espnet_bljust.progress"}
# where it is not called as the module is
DISTRIBUTION = {"yaml": "pyyaml", "espnet2": "espnet", "flashlight": "flashlight_text"}
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


def rooms(path):
    """Rooms of the package that a file imports from."""
    parts = [name.split(".") for name in imports(path)]
    return {part[1] for part in parts if part[0] == "espnet_bljust" and len(part) > 1 and part[1] in ROOMS_BELOW}


def files_of(room):
    return sorted((PACKAGE / room).rglob("*.py"))


def breaches(files, found):
    """``file: what`` for each file in which ``found(file)`` is not empty."""
    return [f"{path.relative_to(ROOT)}: {sorted(names)}" for path in files if (names := found(path))]


def test_every_folder_of_the_package_is_a_known_room():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS_BELOW)


@pytest.mark.parametrize("room", ROOMS_BELOW)
def test_a_room_imports_only_rooms_below_it(room):
    assert breaches(files_of(room), lambda path: rooms(path) - ROOMS_BELOW[room] - {room}) == []


@pytest.mark.parametrize("room", OUTSIDE)
def test_a_room_imports_only_its_own_packages(room):
    known = OUTSIDE[room] | sys.stdlib_module_names | {"espnet_bljust"}
    assert breaches(files_of(room), lambda path: tops(path) - known) == []


def test_every_package_that_is_imported_is_declared_in_setup_cfg():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = settings["options"]["install_requires"] + "".join(settings["options.extras_require"].values())
    declared = {re.split(r"[<>=!~\[ ]", line)[0].replace("-", "_") for line in lines.splitlines() if line}
    known = sys.stdlib_module_names | {"espnet_bljust"} | declared
    every = sorted(PACKAGE.rglob("*.py"))
    assert breaches(every, lambda path: {DISTRIBUTION.get(top, top) for top in tops(path)} - known) == []


def test_only_the_room_espnet_imports_espnet2():
    others = sorted(set(PACKAGE.rglob("*.py")) - set(files_of("espnet")))
    assert breaches(others, lambda path: tops(path) & {"espnet", "espnet2", "espnet3"}) == []


def test_root_modules_import_no_room():
    assert breaches(sorted(PACKAGE.glob("*.py")), rooms) == []


@pytest.mark.parametrize("room", ["bilevel", "network"])
def test_the_ground_floor_reads_no_file_and_logs_nothing(room):
    def found(path):
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        return set(imports(path)) & NOT_ON_THE_GROUND | calls & {"open", "print"}

    assert breaches(files_of(room), found) == []


def test_recipes_import_the_data_room_the_command_wrapper_and_root_modules_alone():
    def found(path):
        local = {sibling.stem for sibling in path.parent.glob("*.py")}
        outside = tops(path) - sys.stdlib_module_names - local - {"espnet_bljust", "numpy", "soundfile"}
        modules = {name for name in imports(path) if name.startswith("espnet_bljust.bin.")}
        commands = {name for name in modules if not name.startswith("espnet_bljust.bin.command")}
        return outside | (rooms(path) - {"data", "bin"}) | commands

    assert breaches(RECIPE_FILES, found) == []


def test_data_and_scoring_start_without_torch_or_espnet2():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in ("data", "scoring")
        for path in files_of(room)
    ]
    program = (
        f"import importlib, sys; [importlib.import_module(module) for module in {modules}];"
        "print({'torch', 'espnet2', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
