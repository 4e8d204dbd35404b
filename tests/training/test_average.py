"""Averaging chooses by dev CER and averages what can be averaged."""

import json

import pytest
import torch

from espnet_bljust.bin.average import get_parser, main
from espnet_bljust.errors import InputError
from espnet_bljust.training import average as average_module
from espnet_bljust.training.average import average, choose_epochs, is_near


def experiment(folder, cers, *, phases=None, saved=None):
    """Epochs 1, 2, ... with these CERs; epoch n holds weight n, counter 10 n and a half-precision bias n."""
    rows = []
    for epoch, cer in enumerate(cers, 1):
        phase = phases[epoch - 1] if phases else "joint"
        rows.append({"kind": "valid", "step": 100 * epoch, "epoch": epoch, "phase": phase, "cer": cer})
        if saved is None or epoch in saved:
            state = {
                "weight": torch.full((2, 3), float(epoch)),
                "steps": torch.tensor(10 * epoch),
                "bias": torch.full((2,), epoch, dtype=torch.float16),
            }
            torch.save(state, folder / f"{epoch}epoch.pth")
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run_average(folder, *options):
    main(get_parser().parse_args(["--exp_dir", str(folder), *options]))
    state = torch.load(folder / "average.pth", weights_only=True)
    return state, json.loads((folder / "average.json").read_text())


def test_the_best_epochs_are_averaged_and_named(tmp_path, capsys):
    state, record = run_average(experiment(tmp_path, [0.9, 0.2, 0.5, 0.18]), "--nbest", "2")
    assert torch.equal(state["weight"], torch.full((2, 3), 3.0))  # epochs 2 and 4
    assert record["epochs"] == [{"epoch": 2, "valid_cer": 0.2}, {"epoch": 4, "valid_cer": 0.18}]
    (line,) = capsys.readouterr().out.splitlines()
    assert "2 (20.00 %), 4 (18.00 %)" in line


def test_epochs_far_from_the_best_stay_out_of_the_mean_and_are_named(tmp_path, capsys):
    """The case that was reported: five epochs at 100, 100, 84, 79 and 100 % were averaged to 99.7 %."""
    state, record = run_average(experiment(tmp_path, [1.0, 1.0, 0.84, 0.79, 1.0]), "--nbest", "5")
    assert [row["epoch"] for row in record["epochs"]] == [3, 4]
    assert [row["epoch"] for row in record["left_out"]] == [1, 2, 5]
    assert torch.equal(state["weight"], torch.full((2, 3), 3.5))
    assert "too far from the best: 1 (100.00 %), 2 (100.00 %), 5 (100.00 %)" in capsys.readouterr().out


@pytest.mark.parametrize(("best", "cer", "near"), [
    (0.04, 0.05, True), (0.04, 0.07, False), (0.0, 0.01, True), (0.3, 0.37, True), (0.3, 0.5, False),
    (0.8, 0.84, True), (0.8, 0.9, False), (1.0, 1.0, True), (8.0, 8.0, True), (8.0, 9.1, True),
    (2.0, 9.0, False)])  # fmt: skip
def test_near_is_a_quarter_more_errors_or_a_quarter_less_right(best, cer, near):
    assert is_near(cer, best) == near


@pytest.mark.parametrize(("rates", "taken"), [((0.997, 0.2), [4]), ((0.19, 0.2), [2, 3, 4]), ((0.2, 0.2), [2, 3, 4])])
def test_the_mean_is_heard_on_dev_and_the_best_epoch_alone_taken_where_it_is_better(
        tmp_path, monkeypatch, capsys, rates, taken):
    """Stands in for the hearing alone, which decoding's tests hold against stage 12."""
    said = dict(zip(("average.pth", "4epoch.pth"), rates, strict=True))

    class Dev:
        rate = staticmethod(lambda weights: said[weights.name])

    monkeypatch.setattr(average_module.DevErrors, "of", lambda exp_dir: Dev)
    state, record = run_average(experiment(tmp_path, [0.9, 0.21, 0.22, 0.2]), "--nbest", "3")
    assert [row["epoch"] for row in record["epochs"]] == taken
    assert torch.equal(state["weight"], torch.full((2, 3), sum(taken) / len(taken)))
    (line,) = capsys.readouterr().out.splitlines()
    assert f"the mean has {100 * rates[0]:.2f} %, the best epoch 20.00 %" in line


def test_integer_buffers_come_from_the_newest_epoch_and_types_stay(tmp_path):
    state, _ = run_average(experiment(tmp_path, [0.3, 0.32, 0.31]), "--nbest", "3")
    assert state["steps"].dtype == torch.int64 and state["steps"] == 30
    assert state["bias"].dtype == torch.float16 and state["weight"].dtype == torch.float32


def test_of_equal_error_rates_the_later_epoch_is_taken(tmp_path):
    assert [epoch.number for epoch in choose_epochs(experiment(tmp_path, [0.3, 0.3, 0.3, 0.9]), 2, "best")] == [2, 3]


def test_the_last_epochs_are_the_latest_saved(tmp_path):
    folder = experiment(tmp_path, [0.1, 0.9, 0.8, 0.7], saved={1, 2, 3})
    assert [epoch.number for epoch in choose_epochs(folder, 2, "last")] == [2, 3]


def test_only_epochs_with_a_file_and_a_rate_are_candidates(tmp_path):
    folder = experiment(tmp_path, [0.1, None, 0.3, 0.4], saved={2, 3, 4})
    assert [epoch.number for epoch in choose_epochs(folder, 5, "best")] == [3, 4]


def test_exploration_epochs_do_not_dilute_the_average(tmp_path):
    folder = experiment(tmp_path, [1.0, 0.4, 0.3], phases=["exploration", "joint", "final"])
    assert [epoch.number for epoch in choose_epochs(folder, 5, "best")] == [2, 3]


def test_float64_sums_do_not_lose_small_terms(tmp_path):
    paths = []
    for index, value in enumerate([2.0**24, 1.0, 1.0, 1.0, 1.0]):
        paths.append(tmp_path / f"{index}epoch.pth")
        torch.save({"weight": torch.tensor([value])}, paths[-1])
    expected = (2.0**24 + 4) / 5  # in float32 the sum would stay at 2 ** 24
    assert average(paths)["weight"] == torch.tensor([expected])


@pytest.mark.parametrize("odd", [{"weight": torch.zeros(3, 3)}, {"other": torch.zeros(2, 3)}])
def test_an_epoch_of_another_model_is_named(tmp_path, odd):
    experiment(tmp_path, [0.2, 0.2])
    torch.save(odd | {"steps": torch.tensor(1), "bias": torch.zeros(2)}, tmp_path / "2epoch.pth")
    with pytest.raises(InputError, match=r"2epoch\.pth: (weight|other)"):
        run_average(tmp_path)
    assert not (tmp_path / "average.pth").exists()


def test_nothing_to_average_says_which_stage_to_run(tmp_path):
    with pytest.raises(InputError, match="stages 9 and 10"):
        choose_epochs(experiment(tmp_path, [0.1], saved=set()), 5, "best")
