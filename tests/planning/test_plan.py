"""Stage 7 through its command: settings merge key by key, and what is wrong with them is named before training."""

import json
import re
import sys
from pathlib import Path

import pytest

from espnet_bljust.bin import plan
from espnet_bljust.command import run
from espnet_bljust.data.feeding.batching import BatchStream
from espnet_bljust.errors import InputError

SIZES = Path(__file__).parents[2] / "conf" / "size"


def test_set_changes_one_nested_key_and_leaves_its_neighbours(stage):
    before = stage()
    after = stage("--set", "plan_conf.gamma_max=0.5", "--set", "trunk_conf.num_layers=1",
                  "--set", "optim_conf.betas=[0.8, 0.9]")
    assert after["plan_conf"] == {**before["plan_conf"], "gamma_max": 0.5}
    assert after["trunk_conf"] == {**before["trunk_conf"], "num_layers": 1}
    assert after["optim_conf"] == {**before["optim_conf"], "betas": [0.8, 0.9]}
    assert {key for key in before if before[key] != after[key]} == {"plan_conf", "trunk_conf", "optim_conf"}


def test_of_two_changes_to_a_key_the_later_wins_and_a_value_may_hold_an_equals_sign(stage):
    assert stage("--set", "batch_seconds=1", "--set", "batch_seconds=2")["batch_seconds"] == 2
    with pytest.raises(InputError, match="no parameter 'a=b'"):
        stage("--set", "freeze_param=[a=b]")


def test_the_training_file_wins_over_the_size_file_key_by_key(stage, root, tmp_path):
    (tmp_path / "c.yaml").write_text((root / "train.yaml").read_text() + "trunk_conf: {dim: 48}\n")
    settings = stage(config=tmp_path / "c.yaml")
    assert settings["trunk_conf"]["dim"] == 48 and settings["trunk_conf"]["num_layers"] == 2


@pytest.mark.parametrize("argument", ["plan_conf.gamma_max", "=3", "plan_conf.=3", ".x=3", ""])
def test_a_change_without_key_or_equals_sign_is_named(stage, argument):
    with pytest.raises(InputError, match="not of the form key=value"):
        stage("--set", argument)


def test_a_change_that_is_not_yaml_is_named(stage):
    with pytest.raises(InputError, match=r"--set plan_conf\.gamma_max=\[: not YAML"):
        stage("--set", "plan_conf.gamma_max=[")


@pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.0e-3", "+1e-3", "0.001"])
def test_a_rate_may_be_written_with_an_exponent_and_no_point(stage, number):
    """PyYAML reads 1e-3 as a word."""
    assert stage("--set", f"plan_conf.final_rates.theta={number}")["plan_conf"]["final_rates"]["theta"] == 0.001


def test_a_configuration_that_is_not_utf8_is_named(stage, tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"note: caf\xe9\n")
    with pytest.raises(InputError, match=r"c\.yaml: byte 10 is not UTF-8"):
        stage(config=tmp_path / "c.yaml")


def test_a_dry_run_prints_the_plan_and_writes_nothing(stage, tmp_path, capsys):
    stage("--dry_run", "true")
    assert "optimizer steps" in capsys.readouterr().out and not (tmp_path / "exp").exists()


@pytest.mark.parametrize("size", sorted(path.stem for path in SIZES.glob("*.yaml")))
def test_a_dry_run_tells_the_parameters_and_the_memory_of_every_size(stage, capsys, size):
    stage("--dry_run", "true", size_config=SIZES / f"{size}.yaml")
    report = capsys.readouterr().out
    (claimed,) = re.findall(r"([\d,]+) parameters in the trunk", (SIZES / f"{size}.yaml").read_text())
    assert f"| theta (trunk) | {claimed} |" in report and "Memory of a step, roughly: " in report


def test_memory_is_that_of_a_process_where_several_share_a_micro_batch(stage, capsys):
    found = {}
    for ngpu in (0, 1, 8):
        stage("--dry_run", "true", "--ngpu", str(ngpu), size_config=SIZES / "base.yaml")
        found[ngpu] = re.search(r"roughly: ([\d.]+) GB(.*?), beside", capsys.readouterr().out).groups()
    state = 16 * 95e6 / 1e9  # weights, gradients and moments are everybody's
    assert found[0] == found[1] and found[1][1] == "" and found[8][1] == " in each process"
    assert float(found[8][0]) - state == pytest.approx((float(found[1][0]) - state) / 8, abs=0.1)


def test_the_same_call_writes_the_same_bytes(stage, tmp_path):
    stage(), stage(exp_dir=tmp_path / "other")
    for name in ("train.yaml", "plan.json", "stats.md"):
        assert (tmp_path / "exp" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_the_command_ends_in_one_line_and_status_1(root, tmp_path, monkeypatch, capsys):
    arguments = [f"--{name}={tmp_path / 'none'}" for name in
                 ("config", "size_config", "exp_dir", "train_dir", "pool_dir", "valid_dir", "token_list")]
    monkeypatch.setattr(sys, "argv", ["plan", *arguments, "--token_type=char"])
    with pytest.raises(SystemExit) as caught:
        run(plan.get_parser(), plan.main)
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1 and line.startswith(f"error: {tmp_path / 'none'}")


def test_a_key_that_training_does_not_read_is_refused_by_name(stage):
    with pytest.raises(InputError, match="does not read batch_secnds.*did you mean batch_seconds"):
        stage("--set", "batch_secnds=3")


def test_stage_7_says_how_often_a_method_passes_over_either_kind_of_audio(stage, root, tmp_path):
    """weighted_sum takes 10 steps where bljust has 6 with labelled and 6 with pool audio (gamma is 0 in cycle 1)."""
    passes, seconds = {}, {}
    for method in ("bljust", "ptft", "alternating", "weighted_sum", "supervised"):
        settings = stage("--method", method, exp_dir=tmp_path / method)
        passes[method] = json.loads((tmp_path / method / "plan.json").read_text())["passes"]
        seconds[method] = settings["batch_seconds"], settings["unlabelled_batch_seconds"]
    samples = [int(row.split()[1]) for row in (root / "dump/train_labelled/utt2num_samples").read_text().splitlines()]
    batches = {share: BatchStream([str(number) for number in range(len(samples))], [count / 16000 for count in samples],
                                  share * 2.5, 0, "labelled").batches_per_pass for share in (1, 0.6)}
    assert passes["bljust"]["labelled"] == 6 / batches[1] and passes["weighted_sum"]["labelled"] == 10 / batches[0.6]
    assert passes["ptft"] == passes["alternating"] == passes["bljust"]
    assert passes["supervised"] == {"labelled": passes["bljust"]["labelled"], "pool": 0.0}
    assert seconds["weighted_sum"] == pytest.approx((2.5 * 6 / 10, 3 * 6 / 10)) and seconds["ptft"] == (2.5, 3)


@pytest.mark.parametrize(("optimizer", "expected"), [("sgd", True), ("adamw", False)])
def test_the_rate_is_divided_by_gamma_for_sgd_alone_unless_the_configuration_says_otherwise(stage, optimizer, expected):
    assert stage("--set", f"optim={optimizer}")["plan_conf"]["alpha_over_gamma"] == expected
    for said in (True, False):
        settings = stage("--set", f"optim={optimizer}", "--set", f"plan_conf.alpha_over_gamma={said}".lower())
        assert settings["plan_conf"]["alpha_over_gamma"] == said
