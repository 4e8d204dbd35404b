"""Experiments and formatted audio outside the checkout: another checkout goes on from them by the same command."""

import os
import shutil
import signal
import time

from tests.helpers.house import build_house, build_recipe
from tests.recipes.test_compare import CONFIG, MAKE, STAND_IN, compare
from tests.recipes.test_stages import ran, up_to_date


def test_a_run_that_was_killed_goes_on_from_a_fresh_checkout(finished_once, tmp_path):
    first, second = (build_recipe(build_house(folder)) for folder in (tmp_path / "one", tmp_path / "two")
                     if folder.mkdir() is None)
    words = ["--stop_stage", "6", "--dumpdir", str(tmp_path / "out/dump"), "--expdir", str(tmp_path / "out/exp")]
    process = first.start(*words, start_new_session=True)
    while not (tmp_path / "out/dump/raw/org").exists():
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    shutil.rmtree(first.folder)
    output = second.run(*words)
    assert ran(output) == [1, 3, 4, 5, 6] and not (second.folder / "dump").exists()
    made = {path.name: path.read_bytes() for path in (tmp_path / "out/dump/raw/train_labelled").iterdir()}
    expected = finished_once[0] / "egs2/toy/bljust/dump/raw/train_labelled"
    place = f"{tmp_path}/out/dump".encode()
    assert {name: content.replace(place, b"dump") for name, content in made.items()} == {
        path.name: path.read_bytes() for path in expected.iterdir()}
    assert up_to_date(second.run(*words)) == [1, 3, 4, 5, 6]


def test_a_comparison_is_made_and_reported_outside_the_checkout(recipe, tmp_path):
    (recipe.folder / "run.sh").write_text(STAND_IN)
    (recipe.folder / "make.py").write_text(MAKE)
    (recipe.folder / "conf/compare.yaml").write_text(CONFIG)
    out = tmp_path / "out"
    (out / "dump/raw/test").mkdir(parents=True)
    (out / "dump/raw/test/utt2spk").write_text("".join(f"s3-{index} s3\n" for index in range(4)))
    words = ["--ngpu", "0", "--draws", "50", "--expdir", str(out / "exp"), "--dumpdir", str(out / "dump")]
    assert "| ptft | 80.00" in compare(recipe, *words)
    assert (out / "exp/toy/COMPARISON.md").exists()
    assert not (recipe.folder / "exp").exists() and not (recipe.folder / "dump").exists()
