"""The running average of the weights: its formula, what is validated and kept, and that training does not notice."""


import pytest
import torch

from espnet_bljust.training.running_average import RunningAverage
from tests.helpers.experiment import history, make_experiment, train, weights


def test_the_average_is_that_of_a_plain_loop_and_leaves_the_weights_alone():
    model = torch.nn.Linear(2, 1).double()
    average = RunningAverage(model, 0.9)
    expected = model.weight.detach().clone()
    for step in range(1, 200):
        model.weight.data += torch.randn(1, 2, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        average.update()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.weight.detach()
        torch.testing.assert_close(average.average["weight"], expected, rtol=0, atol=1e-12)
    before = model.weight.detach().clone()
    with average.applied():
        assert torch.equal(model.weight, average.average["weight"]) and not torch.equal(model.weight, before)
    assert torch.equal(model.weight, before)


def test_weights_that_stand_still_are_their_own_average():
    model = torch.nn.Linear(3, 2)
    average = RunningAverage(model, 0.999)
    for _ in range(50):
        average.update()
    assert all(torch.equal(value, average.weights[name]) for name, value in average.average.items())


def test_it_goes_on_from_plain_data_and_refuses_another_networks():
    first, again = (RunningAverage(torch.nn.Linear(3, 2), 0.9) for _ in range(2))
    first.update()
    again.load_state_dict(first.state_dict())
    assert again.steps == 1 and all(torch.equal(again.average[name], value) for name, value in first.average.items())
    with pytest.raises(ValueError, match="of other weights"):
        again.load_state_dict({"steps": 1, "average": {"weight": torch.zeros(2, 3)}})


def test_a_run_with_an_average_trains_as_one_without_and_keeps_and_validates_the_average(tmp_path):
    torch.set_num_threads(1)
    plain, averaged = make_experiment(tmp_path), make_experiment(tmp_path, "ema_decay=0.5")
    train(plain)
    train(averaged)
    assert all(torch.equal(value, weights(plain)[name]) for name, value in weights(averaged).items())
    checkpoint = torch.load(averaged / "checkpoint.pth", weights_only=True)
    kept = torch.load((averaged / "latest.pth").resolve(), weights_only=True)
    assert kept.keys() == checkpoint["average"]["average"].keys()
    assert all(torch.equal(value, checkpoint["average"]["average"][name]) for name, value in kept.items())
    assert any(not torch.equal(value, checkpoint["model"][name]) for name, value in kept.items())
    trained = [[row for row in history(run) if row["kind"] == "train"] for run in (plain, averaged)]
    assert trained[0] == trained[1]
    valid = [[row["ctc"] for row in history(run) if row["kind"] == "valid"] for run in (plain, averaged)]
    assert valid[0] != valid[1] and len(valid[0]) == len(valid[1])
