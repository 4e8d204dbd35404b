"""Recipes whose run.sh has options of its own: --lang of covost2, --labelled and --unlabelled of TEMPLATE."""

import subprocess

import numpy as np
import pytest
import soundfile


def speech(folder, names, words=""):
    """Half a second of noise a name, with its transcript beside it."""
    folder.mkdir(parents=True)
    for name in names:
        noise = np.random.default_rng(list(name.encode())).normal(0, 0.05, 8000)
        soundfile.write(folder / f"{name}.wav", noise, 16000)
        if words:
            (folder / f"{name}.txt").write_text(f"{words} {name}")


@pytest.mark.parametrize(("lang", "labels"), [("nl", "data/train_nl/nl_2h.txt"), ("mn", "data/train_mn/mn_3h.txt"),
                                              ("ar", "data/train_ar/ar_2h.txt"), ("tw", "all")])  # fmt: skip
def test_language_names_sets_lists_and_experiment(copy_recipe, lang, labels):
    said = copy_recipe("covost2").run("--lang", lang, "--local_data_opts", "--digits reject", "--help")
    for value in (f"--lang {lang} --digits reject", f"train_{lang}", f"unlabelled_{lang}", f"exp/{lang}"):
        assert f"[here: {value}]" in said
    assert (f"[here: {labels}]" in said) == (labels != "all")


def test_option_without_a_value_is_told(copy_recipe):
    assert "--lang: needs a value" in copy_recipe("covost2").run("--lang", code=1)


def test_other_words_reach_the_pipeline_and_its_help(copy_recipe):
    recipe = copy_recipe("TEMPLATE")
    assert "--nosuch: no such option" in recipe.run("--lang", "xx", "--nosuch", "1", code=1)
    assert "--max_wav_duration" in recipe.run("--help")


def test_two_folders_with_spaces_in_their_names_reach_the_pool_from_anywhere(copy_recipe, tmp_path):
    recipe = copy_recipe("TEMPLATE")
    for speaker in "abcd":
        speech(tmp_path / "my voices" / speaker, [f"{speaker}{index}" for index in range(3)], words="Yes, no!")
    speech(tmp_path / "no text/p", ["1", "2"])
    command = [recipe.folder / "run.sh", "--labelled", "my voices", "--unlabelled", "no text", "--stop_stage", "4"]
    done = subprocess.run([*command, "--nj", "1"], cwd=tmp_path, env=recipe.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train 6 utterances, 2 speakers; dev 3 utterances, 1 speakers; test 3 " in done.stdout
    pool = (recipe.folder / "dump/raw/train_sp_pool/wav.scp").read_text().split("\n")
    assert len([line for line in pool if line]) == 24  # at three speeds


def test_an_own_option_may_have_its_value_behind_an_equals_sign(copy_recipe):
    assert "[here: exp/tw]" in copy_recipe("covost2").run("--lang=tw", "--help")
