"""The stages through the real shell, on four sets of noise: what runs, what is up to date, what a kill leaves."""

import os
import random
import re
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = sorted(ROOT.glob("egs2/*/bljust/run.sh"))


def ran(output):
    """Numbers of the stages that did something."""
    return [int(number) for number in re.findall(r"^stage (\d+) \w+: .* \(\d+:\d\d\)$", output, re.MULTILINE)]


def said(output):
    """Numbers of all stages that are named, once each: stage 12 searches greedily and otherwise."""
    return list(dict.fromkeys(int(number) for number in re.findall(r"^stage (\d+) ", output, re.MULTILINE)))


def up_to_date(output):
    return [int(number) for number in re.findall(r"^stage (\d+) \w+ is up to date$", output, re.MULTILINE)]


def test_each_stage_ends_with_what_it_made_and_how_long_then_is_up_to_date(finished_once, finished):
    first = finished_once[1]
    assert ran(first) == [1, 3, 4, 5]
    assert "stage 1 data: 4 sets in data: train extra dev test (0:0" in first
    assert re.search(r"^  data/noinfo_token_list/char/tokens.txt: \d+ tokens", first, re.MULTILINE)
    before = finished.files()
    second = finished.run("--stop_stage", "5")
    assert (ran(second), up_to_date(second)) == ([], [1, 3, 4, 5])
    assert finished.files() == before


def test_a_changed_option_runs_again_what_depends_on_it_and_nothing_else(finished):
    output = finished.run("--stop_stage", "5", "--oov", "<none>")
    assert (ran(output), up_to_date(output)) == ([5], [1, 3, 4])
    assert "runs again: oov was <unk>, is <none>" in output
    output = finished.run("--stop_stage", "5", "--oov", "<none>", "--max_wav_duration", "19")
    assert (ran(output), up_to_date(output)) == ([4], [1, 3, 5])  # another bound, and yet the same files


def test_a_changed_file_runs_again_what_depends_on_it(finished):
    text = finished.folder / "data/train/text"
    text.write_text(text.read_text().replace("three", "tree"))
    output = finished.run("--stop_stage", "5")
    assert (ran(output), up_to_date(output)) == ([3, 4, 5], [1])
    assert "runs again: data/train/text has changed" in output


def test_a_touched_file_of_the_same_content_changes_nothing(finished):
    os.utime(finished.folder / "data/train/text", (1, 1))
    assert up_to_date(finished.run("--stop_stage", "3")) == [1, 3]


def test_a_lost_output_is_made_again(finished):
    (finished.folder / "data/noinfo_token_list/char/tokens.txt").unlink()
    output = finished.run("--stop_stage", "5")
    assert (ran(output), up_to_date(output)) == ([5], [1, 3, 4])
    assert "tokens.txt is missing" in output


def test_skipped_and_unwanted_stages_do_not_run(finished):
    assert up_to_date(finished.run("--stop_stage", "5", "--skip_stages", "3 4")) == [1, 5]
    assert up_to_date(finished.run("--stage", "2", "--stop_stage", "3")) == [3]
    output = finished.run("--skip_data_prep", "--stop_stage", "6", code=1)
    assert output == "bljust.sh: no stage is left to run: stage 1 is left out by --skip_data_prep true.\n"


def test_a_missing_input_names_the_stage_that_wants_it(recipe):
    output = recipe.run("--stage", "5", "--stop_stage", "5", code=1)
    assert output.splitlines() == [
        "stage 5: dump/raw/train_labelled/text is missing. An earlier stage makes it: begin at a lower --stage.",
        "stage 5 tokens stopped (status 1). Mend it, then go on from here: --stage 5",
    ]


def test_a_failing_stage_stops_the_run_with_its_status_and_leaves_no_record(recipe):
    data = recipe.folder / "local/data.py"
    good = data.read_text()
    data.write_text(good + "raise SystemExit('disk on fire')\n")
    output = recipe.run(code=1)
    assert "disk on fire" in output and ran(output) == []
    assert output.endswith("stage 1 data stopped (status 1). Mend it, then go on from here: --stage 1\n")
    data.write_text(good)
    assert ran(recipe.run("--stop_stage", "1")) == [1]


def test_a_failing_command_in_the_middle_of_a_stage_stops_it(finished):
    (finished.folder / "downloads/s1-2.wav").write_bytes(b"no audio")
    output = finished.run("--stage", "3", "--stop_stage", "4", "--fs", "8000", code=1)
    assert "s1-2" in output and "stage 3 format stopped" in output and ran(output) == []


def test_options_of_the_corpus_reach_its_script(recipe):
    output = recipe.run("--stop_stage", "1", "--local_data_opts", "--a b $(touch bad)")
    assert "16 utterances --a b $(touch bad)" in output
    assert not (recipe.folder / "bad").exists()


def test_a_set_is_not_trained_and_tested_on(recipe):
    assert "train is both trained on and tested on" in recipe.run("--test_sets", "train", code=1)


@pytest.mark.parametrize("seed", range(3))
def test_killed_anywhere_and_started_again_ends_in_the_same_files(finished, seed):
    recipe, whole, chance = finished, finished.files(), random.Random(seed)
    for top in ("data", "dump"):
        shutil.rmtree(recipe.folder / top)
    for _ in range(2):
        process = recipe.start("--stop_stage", "5", start_new_session=True)
        time.sleep(chance.uniform(0.3, 4))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    recipe.run("--stop_stage", "5")
    assert recipe.files() == whole
    left = [path for path in recipe.folder.rglob("*") if path.name.endswith((".tmp", ".pending"))]
    assert left == []


def test_two_runs_at_once_wait_for_each_other(recipe):
    processes = [recipe.start("--stop_stage", "4") for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sorted(stage for out, _ in outputs for stage in ran(out)) == [1, 3, 4]


def test_a_dry_run_of_nothing_says_everything_and_changes_nothing(recipe):
    output = recipe.run("--dry_run")
    assert said(output) == list(range(1, 14))
    assert "$ python3 -m espnet_bljust.bin.make_tokens --text dump/raw/train_labelled/text" in output
    assert re.search(r"^  \| exploration \| 1 \| \d+ \|", output, re.MULTILINE)
    assert re.search(r"^  Time of stages 8 to 10, roughly: [\d:]+\.$", output, re.MULTILINE)
    assert not any((recipe.folder / top).exists() for top in ("data", "dump", "exp"))


def test_a_dry_run_of_a_run_begun_estimates_the_rest(finished):
    before = finished.files()
    output = finished.run("--dry_run", "--stop_stage", "6")
    assert up_to_date(output) == [1, 3, 4, 5]
    assert re.search(r"estimate: about 0:0\d and \d MB for 0.00 h of audio", output)
    assert finished.files() == before
    output = finished.run("--dry_run", "--stop_stage", "4", "--audio_format", "wav")
    assert "would run: audio_format was flac, is wav" in output
    assert "would run: if stage 3 format changes its files" in output


@pytest.mark.parametrize("name", [run.parts[-3] for run in RECIPES])
def test_help_and_dry_run_of_each_recipe(copy_recipe, name):
    copied = copy_recipe(name)
    assert "--stop_stage" in copied.run("--help")
    output = copied.run("--dry_run")
    assert said(output) == list(range(1, 14))
    assert not any((copied.folder / top).exists() for top in ("data", "dump", "exp"))


def test_every_recipe_has_its_files():
    for folder in {path.parents[1] for path in ROOT.glob("egs2/*/bljust/*.sh")}:
        for name in ("run.sh", "path.sh", "cmd.sh", "db.sh", "README.md", "local/data.py"):
            assert (folder / "bljust" / name).exists(), f"{folder}/bljust/{name}"


def test_speeds_make_copies_of_all_that_training_hears_and_of_nothing_that_is_scored(recipe):
    recipe.run("--stop_stage", "4", "--speed_perturb_factors", "0.9 1.0 1.1")
    raw = recipe.folder / "dump/raw"
    ids = {name: [line.split()[0] for line in (raw / name / "wav.scp").read_text().splitlines()]
           for name in ("train_sp_labelled", "train_sp_pool", "dev", "test")}
    copies = {number: [f"{speed}s{number}-{index}" for speed in ("", "sp0.9-", "sp1.1-") for index in range(4)]
              for number in range(2)}  # 0 is train, 1 is extra
    assert ids["train_sp_labelled"] == sorted(copies[0])
    assert ids["train_sp_pool"] == sorted(copies[0] + copies[1])  # every utterance of the pool as often as any other
    assert ids["dev"] == [f"s2-{index}" for index in range(4)] and ids["test"] == [f"s3-{index}" for index in range(4)]
    counts = dict(line.split() for line in (raw / "train_sp_pool/utt2num_samples").read_text().splitlines())
    for name in ("s0-2", "s1-3"):
        for speed in ("0.9", "1.1"):
            assert abs(int(counts[f"sp{speed}-{name}"]) - int(counts[name]) / float(speed)) <= 1


def test_force_redoes_the_stages_that_are_asked_for(finished):
    output = finished.run("--stage", "4", "--stop_stage", "5", "--force")
    assert (ran(output), up_to_date(output)) == ([4, 5], []) and "runs again: --force asks for it" in output
    assert ran(finished.run("--stage", "3", "--stop_stage", "3", "--force", "true")) == [3]
    assert up_to_date(finished.run("--stop_stage", "5")) == [1, 3, 4, 5]
