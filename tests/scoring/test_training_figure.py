"""The picture of a training run is drawn from whole, partial and one-line histories."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

from espnet_bljust.bin.training_figure import get_parser, main
from espnet_bljust.scoring.training_figure import running_mean
from espnet_bljust.training.picture import chance_accuracy


def history_lines(num_steps):
    """A run of three phases in which each measures what it moves, as the trainer writes it."""
    for step in range(1, num_steps + 1):
        phase = ["exploration", "joint", "final"][3 * (step - 1) // num_steps]
        supervised, unsupervised = phase != "exploration", phase != "final"
        yield {
            "kind": "train", "step": step, "epoch": 1, "phase": phase, "gamma": 0.5 if phase == "joint" else 0.0,
            "lr_theta": 1e-4, "lr_phi": 1e-3 if supervised else 0.0, "lr_eta": None,
            "ctc": 100.0 / step if supervised else None, "contrastive": 4.0 if unsupervised else None,
            "ssl_accuracy": 0.3 if unsupervised else None, "norm_f": 10.0 if supervised else None, "norm_g": 0.5,
            "cosine": 0.1 if supervised and unsupervised else None,
            "code_perplexity": [40.0, 12.0] if unsupervised else None, "prob_perplexity": [50.0, 20.0],
        }  # fmt: skip
        if step % 10 == 0:
            yield {"kind": "valid", "step": step, "epoch": step // 10, "phase": phase, "cer": 1.0 / step, "ctc": None}


def draw(exp_dir, rows):
    exp_dir.mkdir(exist_ok=True)
    (exp_dir / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"kind"')
    main(get_parser().parse_args(["--exp_dir", str(exp_dir)]))
    return imread(exp_dir / "images" / "training.png")


@pytest.mark.parametrize("num_steps", [1, 2, 60, 400])
def test_a_picture_is_drawn_from_a_history_of_any_length(tmp_path, capsys, num_steps):
    picture = draw(tmp_path / "exp", history_lines(num_steps))
    assert picture.shape[0] > 1000 and picture.shape[1] > 1000
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert [path.name for path in (tmp_path / "exp" / "images").iterdir()] == ["training.png"]


def test_a_supervised_run_without_self_supervised_values_is_drawn(tmp_path):
    rows = [{"kind": "train", "step": step, "phase": "final", "ctc": 5.0, "contrastive": None} for step in range(9)]
    assert draw(tmp_path / "exp", rows).std() > 0


def test_chance_comes_from_the_settings_of_the_run(tmp_path):
    assert chance_accuracy(tmp_path) is None
    (tmp_path / "train.yaml").write_text("masking_conf: {num_negatives: 49}\n")
    assert chance_accuracy(tmp_path) == 1 / 50
    (tmp_path / "train.yaml").write_text("masking_conf: {pool_span: 5}\n")
    assert chance_accuracy(tmp_path) == 1 / 101


def test_nothing_is_hidden_behind_the_phases(tmp_path):
    rows = list(history_lines(60))
    with_cosine = draw(tmp_path / "with", rows)
    flat = [{**row, "cosine": -0.5 if row.get("cosine") else None} for row in rows]
    (tmp_path / "flat").mkdir()
    assert np.abs(with_cosine - draw(tmp_path / "flat" / "with", flat)).max() > 0.3


def test_running_mean_keeps_gaps_and_does_not_count_them():
    values = np.array([1.0, 3.0, np.nan, 5.0, 7.0])
    np.testing.assert_allclose(running_mean(values, 3), [2.0, 2.0, np.nan, 6.0, 6.0])


