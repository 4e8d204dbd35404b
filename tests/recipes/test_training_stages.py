"""Stages 8 to 10 around a stand-in for training: any launcher of Kaldi's contract serves, and old weights go aside."""

import re

import pytest

from espnet_bljust.shell import stamp

# Takes the place of run.py: counts the calls in the checkpoint, and writes the log as Kaldi's launchers do.
LAUNCHER = """#!/bin/bash
while [[ $1 == --* ]]; do shift 2; done
mkdir -p "${1%/*}"
echo trained >>exp/toy/checkpoint.pth
echo '{}' >>exp/toy/history.jsonl
printf '# cmd\\nsteps done: %s\\n# Ended (code 0)\\n' "${*: -5:1}" >"$1"
"""


@pytest.fixture
def trained(finished):
    """The recipe of noise with its stages 7 and 8 made by hand."""
    experiment = finished.folder / "exp/toy"
    experiment.mkdir(parents=True)
    (experiment / "train.yaml").write_text("gamma: 1\n")
    (experiment / "plan.json").write_text("{}\n")
    (finished.folder / "launcher").write_text(LAUNCHER)
    (finished.folder / "launcher").chmod(0o755)
    with open(finished.folder / "cmd.sh", "a") as file:
        file.write('cuda_cmd="./launcher --mem 1G"\n')
    return finished


def train(recipe, *words):
    output = recipe.run("--stage", "8", "--stop_stage", "10", "--asr_tag", "toy", "--ngpu", "0", *words)
    return output, re.findall(r"^stage (\d+) \w+: .* \(\d+:\d\d\)$", output, re.MULTILINE)


def weights(recipe, folder="exp/toy"):
    path = recipe.folder / folder / "checkpoint.pth"
    return path.read_text().count("trained") if path.exists() else 0


def test_training_runs_through_the_launcher_of_cmd_sh_and_says_its_last_line(trained):
    output, ran = train(trained)
    assert ran == ["8", "9", "10"] and weights(trained) == 3
    assert re.search(r"^stage 9 joint: steps done: joint \(0:0\d\)$", output, re.MULTILINE)
    assert train(trained)[1] == [] and weights(trained) == 3


def test_other_settings_begin_anew_and_put_the_old_weights_aside(trained):
    train(trained)
    (trained.folder / "exp/toy/train.yaml").write_text("gamma: 2\n")
    output, ran = train(trained)
    assert ran == ["8", "9", "10"]
    assert "training begins anew: exp/toy/train.yaml has changed" in output
    assert (weights(trained), weights(trained, "exp/toy/superseded/1")) == (3, 3)


@pytest.mark.parametrize("fails", ["write", "unlink"])
def test_killed_while_the_record_is_changed_it_still_begins_anew(trained, monkeypatch, fails):
    """Without any record the old checkpoint would be taken for one of the new settings."""
    train(trained)
    experiment = trained.folder / "exp/toy"
    (experiment / "train.yaml").write_text("gamma: 2\n")
    record = experiment / ".stages/training.json"

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.chdir(trained.folder)
        patch.setattr(*((stamp, "write", killed) if fails == "write" else (type(record), "unlink", killed)))
        stamp.main(["check", "--record", str(record), "--inputs", "exp/toy/train.yaml"])
    assert "training begins anew" in train(trained)[0]
    assert weights(trained, "exp/toy/superseded/1") == 3


def test_other_data_begin_anew(trained):
    train(trained)
    text = trained.folder / "dump/raw/train_labelled/text"
    text.write_text(text.read_text().replace("one", "nine"))
    assert "training begins anew" in train(trained)[0]
    assert weights(trained) == 3


def test_other_weights_to_start_from_begin_anew(trained):
    start = trained.folder / "start.pt"
    for content, begins in (("one", False), ("one", False), ("two", True)):
        start.write_text(content)
        output, _ = train(trained, "--init_from", "start.pt")
        assert ("training begins anew: start.pt has changed" in output) == begins
        assert weights(trained) == 3


def test_weights_that_do_not_fit_stop_stage_7_in_one_line(finished):
    (finished.folder / "start.pt").write_bytes(b"no weights")
    output = finished.run("--stage", "7", "--stop_stage", "7", "--ngpu", "0", "--init_from", "start.pt", code=1)
    assert "error: start.pt: not readable as weights" in output and "Traceback" not in output
    assert "none.pt is missing" in finished.run("--stage", "7", "--stop_stage", "7", "--init_from", "none.pt", code=1)


def test_the_same_settings_go_on_from_the_checkpoint(trained):
    train(trained)
    for record in (trained.folder / "exp/toy/.stages").glob("[189]*.json"):
        record.unlink()  # as a kill in the middle of stage 8 leaves it
    output, ran = train(trained)
    assert ran == ["8", "9", "10"] and "anew" not in output
    assert weights(trained) == 6


def test_what_was_made_without_skip_broken_is_what_it_makes_with_it(tmp_path, capsys):
    """Where nothing was broken nothing is skipped: a long stage is not run again. The other way round it is."""
    made_from = {word: [f"skip_broken={word}"] for word in ("false", "true")}
    record = ["--record", str(tmp_path / "3.json"), "--stage", "3", "--options"]
    for first, then, status in (("false", "true", 0), ("true", "false", stamp.STALE_STATUS)):
        (tmp_path / "3.json").unlink(missing_ok=True)
        stamp.main(["check", *record, *made_from[first]])
        stamp.main(["commit", *record[:2]])
        assert stamp.main(["check", *record, *made_from[then]]) == status
    assert capsys.readouterr().out.endswith("skip_broken was true, is false\n")
