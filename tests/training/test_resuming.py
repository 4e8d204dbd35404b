"""A restart from a checkpoint that is damaged or of another model ends in one line that names it."""

import sys

import pytest
import torch
from espnet2.train.distributed_utils import DistributedOption

from espnet_bljust.bin.train import get_parser, main
from espnet_bljust.command import run
from espnet_bljust.errors import InputError
from espnet_bljust.training.processes import Processes
from espnet_bljust.training.saving import Saver
from espnet_bljust.weights.checkpoint import save_atomically
from tests.helpers.experiment import history, make_experiment


def test_the_command_reports_a_truncated_checkpoint_in_one_line(tmp_path, monkeypatch, capsys):
    exp_dir = make_experiment(tmp_path)
    checkpoint = exp_dir / "checkpoint.pth"
    save_atomically({"model": {"weight": torch.zeros(500)}}, checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
    monkeypatch.setattr(sys, "argv", ["train", "--exp_dir", str(exp_dir), "--until", "joint"])
    with pytest.raises(SystemExit) as caught:
        run(get_parser(), main)
    error = capsys.readouterr().err
    assert caught.value.code == 1 and "Traceback" not in error
    (line,) = [line for line in error.splitlines() if line.startswith("error:")]
    assert f"{checkpoint}: not a readable checkpoint" in line


def network(inputs=3):
    """A model, and an optimizer that has moved it once."""
    model = torch.nn.Linear(inputs, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(inputs)).sum().backward()
    optimizer.step()
    return model, optimizer


def saver(folder, **shared):
    return Saver(folder, Processes(DistributedOption()), shared=shared, own={}, minutes=0)


def resume(path, state, **shape):
    save_atomically(state, path)
    model, optimizer = network(**shape)
    return saver(path.parent, model=model, optimizer=optimizer).resume(), model, optimizer


@pytest.fixture
def state():
    model, optimizer = network()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 40, "scores": {1: 0.5, 2: 0.25}}


def test_a_restart_takes_over_step_scores_weights_and_moments(tmp_path, state):
    (step, scores), model, optimizer = resume(tmp_path / "checkpoint.pth", state)
    assert (step, scores) == (40, {1: 0.5, 2: 0.25})
    assert torch.equal(model.weight, state["model"]["weight"])
    assert torch.equal(optimizer.state[model.weight]["exp_avg"], state["optimizer"]["state"][0]["exp_avg"])


@pytest.mark.parametrize("damage", ["model", "optimizer", "step", "scores", "weight", "shape", "groups"])
def test_a_checkpoint_that_does_not_fit_is_named_in_one_line(tmp_path, state, damage):
    shape = {}
    if damage in state:
        del state[damage]
    elif damage == "weight":
        del state["model"]["weight"]
    elif damage == "shape":
        shape = {"inputs": 5}
    else:
        state["optimizer"]["param_groups"] = []
    with pytest.raises(InputError, match=r"checkpoint\.pth: does not fit") as caught:
        resume(tmp_path / "checkpoint.pth", state, **shape)
    assert "\n" not in str(caught.value)


def test_without_a_checkpoint_a_run_begins_at_step_0(tmp_path):
    assert saver(tmp_path).resume() == (0, {})


def test_a_stage_takes_espnets_options_and_ends_in_one_line_with_its_error_rate(tmp_path, capsys):
    """ESPnet's command line and its default give a list for keep_nbest_models where a YAML file gives a number."""
    exp_dir = make_experiment(tmp_path)
    capsys.readouterr()
    options = ["--exp_dir", str(exp_dir), "--until", "joint", "--num_workers", "0", "--", "--keep_nbest_models", "1"]
    main(get_parser().parse_args(options))
    assert 1 <= len(list(exp_dir.glob("[0-9]*epoch.pth"))) <= 2
    last = [row for row in history(exp_dir) if row["kind"] == "valid"][-1]
    assert f"dev CER {100 * last['cer']:.2f} %" in capsys.readouterr().out.splitlines()[-1]
