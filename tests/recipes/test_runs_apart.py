"""Runs that differ have names, folders and data of their own; what an earlier one has made is not lost or mixed in."""

import json
import os
import re

import pytest

from espnet_bljust.scoring.results import gather

AVERAGE = ("--stage", "11", "--stop_stage", "11", "--dry_run", "true")  # says its folder, and starts in no time


def tag(recipe, *words):
    """The experiment of a run with these options, as a dry run names it."""
    return re.search(r"exp/([^/\s<]+)/average.pth", recipe.run(*AVERAGE, *words))[1]


def test_the_name_of_an_experiment_holds_what_differs(finished):
    (finished.folder / "conf/train_other.yaml").write_text((finished.folder / "conf/train_bljust.yaml").read_text())
    words = [(), ("--asr_config", "conf/train_other.yaml"), ("--asr_args", "plan_conf.gamma_max=3"), ("--seed", "1"),
             ("--asr_args", "plan_conf.gamma_max=4"), ("--labels", "0.25"), ("--labels", "0.5"), ("--labels", "0.75"),
             ("--method", "supervised"), ("--lang", "xx"), ("--speed_perturb_factors", "0.9 1.0 1.1"),
             ("--speed_perturb_factors", "0.8 1.0"), ("--model_size", "small")]  # fmt: skip
    names = [tag(finished, *each) for each in words]
    assert len(set(names)) == len(words)
    assert names[0] == "train_bljust_bljust_tiny_raw_noinfo_char_seed0"
    assert max(map(len, [*names, tag(finished, "--asr_args", "plan_conf.gamma_max=3 " * 30)])) <= 130


def test_an_experiment_of_the_earlier_naming_is_named_and_left(finished):
    (finished.folder / "exp/bljust_tiny_all_seed0").mkdir(parents=True)
    output = finished.run(*AVERAGE)
    assert "exp/bljust_tiny_all_seed0 has a name as earlier versions gave it; --asr_tag bljust_tiny_all_seed0" in output


def test_another_share_of_the_labels_leaves_the_first_one_s_data_alone(finished):
    before = finished.files()
    finished.run("--stage", "4", "--stop_stage", "5", "--labels", "0.5")
    after = finished.files()
    assert {name: after.get(name) for name in before} == before
    lines = (finished.folder / "dump/raw/train_labelled_0.5_seed0/text").read_text().splitlines()
    assert len(lines) == 2 and "dump/raw/train_pool_0.5_seed0/wav.scp" in after


def test_stage_7_refuses_labels_that_stage_4_has_not_chosen(finished):
    output = finished.run("--stage", "7", "--stop_stage", "7", "--labels", "0.5", "--ngpu", "0", code=1)
    assert "dump/raw/train_labelled_0.5_seed0 is missing. An earlier stage makes it" in output


@pytest.mark.parametrize(("words", "stage", "answer"), [
    (("--ssl_on_labelled", "false"), "7", "stage 4 was run with ssl_on_labelled true, this run has false"),
    (("--max_wav_duration", "5"), "5", "stage 4 was run with max_wav_duration 20.0, this run has 5"),
    (("--fs", "8k"), "4", "stage 3 was run with fs 16k, this run has 8k. Give --fs 16k, or begin with --stage 3."),
])  # fmt: skip
def test_options_that_earlier_stages_did_not_have_stop_a_run_that_goes_on_from_them(finished, words, stage, answer):
    assert answer in finished.run("--stage", stage, "--stop_stage", "7", "--ngpu", "0", *words, code=1)


def test_disks_without_locks_are_said_once_and_everything_runs(finished):
    """flock fails there with a status of its own."""
    folder = finished.folder / "programs"
    folder.mkdir()
    (folder / "flock").write_text("#!/bin/sh\necho 'flock: 8: No locks available' >&2\nexit 65\n")
    (folder / "flock").chmod(0o755)
    finished.environment["PATH"] = f"{folder}:{finished.environment['PATH']}"
    with (finished.folder / "path.sh").open("a") as file:
        file.write(f"PATH={folder}:$PATH\n")
    output = finished.run("--stop_stage", "5", "--nbpe", "30", "--oov", "<oov>")
    assert output.count("files cannot be locked here (flock: 8: No locks available)") == 1
    assert re.search(r"^stage 5 tokens: ", output, re.MULTILINE)


def result(folder, name, number):
    folder.mkdir(parents=True)
    lines = ["<!-- x -->", "# RESULTS", "## Environments", f"- date: `{number}`", "", f"## {name}", "### WER",
             "|dataset|Err|", "|---|---|", f"|test|{number}|", ""]
    (folder / "RESULTS.md").write_text("\n".join(lines))


def test_the_recipe_s_results_are_those_of_all_experiments_newest_first(tmp_path):
    places = ["old", "new", "new/superseded/1", "comparison/arm_seed0"]
    for number, place in enumerate(places):
        result(tmp_path / place, place, number)
        os.utime(tmp_path / place / "RESULTS.md", ns=(number, number))
    (tmp_path / "new/pack").mkdir()
    (tmp_path / "new/pack/RESULTS.md").write_text("a copy")
    text, number = gather(tmp_path)
    assert number == 4
    assert re.findall("^## (.*)$", text, re.MULTILINE) == ["comparison/arm_seed0", "new", "old", "new/superseded/1"]
    assert re.findall(r"\|test\|(\d)\|", text) == ["3", "1", "0", "2"] and "a copy" not in text


def test_a_third_training_keeps_the_second_s_weights_and_settings(finished):
    experiment = finished.folder / "exp/toy"
    experiment.mkdir(parents=True)
    (finished.folder / "launcher").write_text(
        "#!/bin/bash\nwhile [[ $1 == --* ]]; do shift 2; done\nmkdir -p \"${1%/*}\"\n"
        "cat exp/toy/train.yaml >exp/toy/checkpoint.pth\necho done >\"$1\"\n")
    (finished.folder / "launcher").chmod(0o755)
    with (finished.folder / "cmd.sh").open("a") as file:
        file.write("cuda_cmd=./launcher\n")
    for gamma in range(3):
        (experiment / "train.yaml").write_text(f"gamma: {gamma}\n")
        (experiment / "plan.json").write_text(json.dumps({"gamma": gamma}))
        finished.run("--stage", "8", "--stop_stage", "8", "--asr_tag", "toy", "--ngpu", "0")
    for number, folder in enumerate((experiment / "superseded/1", experiment / "superseded/2", experiment)):
        assert (folder / "checkpoint.pth").read_text() == (folder / "train.yaml").read_text() == f"gamma: {number}\n"
