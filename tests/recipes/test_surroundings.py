"""What surrounds a run: names in the recipe's folder, CDPATH, a .venv that clones share, disks without locks."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHADOWS = ("queue", "random", "difflib", "platform", "json", "numpy", "select", "types")


def test_modules_in_the_recipes_folders_shadow_nothing(recipe):
    for name in SHADOWS:
        for folder in (recipe.folder, recipe.folder / "local"):
            (folder / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the recipe was imported')\n")
    (recipe.folder / "local/neighbour.py").write_text("WORD = 'beside'\n")
    data = recipe.folder / "local/data.py"
    (recipe.folder / "local/numpy.py").unlink()  # what is installed may be replaced there
    data.write_text(data.read_text() + "import neighbour\nprint(neighbour.WORD)\n")
    output = recipe.run("--stop_stage", "3")
    assert "beside" in output and "of the recipe was imported" not in output


def test_cdpath_leads_nowhere(recipe, tmp_path):
    elsewhere = tmp_path / "elsewhere/egs2/toy/bljust"
    elsewhere.mkdir(parents=True)
    environment = {**recipe.environment, "CDPATH": f"{tmp_path}/elsewhere:{tmp_path}"}
    done = subprocess.run(["bash", "egs2/toy/bljust/run.sh", "--stop_stage", "1"], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "16 utterances" in done.stdout, done.stdout + done.stderr
    assert not list(elsewhere.iterdir()) and (recipe.folder / "data/train/text").is_file()


def test_imports_follow_the_clone_that_runs(recipe, tmp_path):
    """Its .venv is linked, and holds the package of another clone."""
    package = tmp_path / "espnet_bljust"
    package.unlink()
    shutil.copytree(ROOT / "espnet_bljust", package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / "bin/check_data.py").open("a") as file:
        file.write(f"\nassert Path(__file__).is_relative_to({str(tmp_path)!r})\nprint('of this clone')\n")
    del recipe.environment["PYTHONPATH"]
    assert "of this clone" in recipe.run("--stop_stage", "1")


def test_a_matplotlibrc_with_usetex_and_a_notebooks_backend_stop_no_stage(finished):
    (finished.folder / "matplotlibrc").write_text("text.usetex: True\nbackend: module://nowhere.inline\n")
    finished.environment |= {"MPLBACKEND": "module://nowhere.inline", "PATH": os.environ["PATH"]}
    output = finished.run("--stage", "6", "--stop_stage", "6")
    assert "stage 6 report" in output and list(finished.folder.glob("data/report/train/*.png"))


def test_every_script_finds_its_folder_whatever_cdpath_says():
    scripts = [*ROOT.glob("local/*.sh"), *ROOT.glob("egs2/*/bljust/*.sh"), ROOT / "setup.sh", ROOT / "test.sh"]
    lines = [line.strip() for script in scripts for line in script.read_text().splitlines() if "cd \"$(dirname" in line]
    assert len(lines) > 15 and [line for line in lines if 'CDPATH="" cd' not in line] == []
