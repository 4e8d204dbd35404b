"""The loss that the lists are sorted by is that of all paths, summed one by one; the lists hold what they name."""

import itertools
import math

import pytest
import torch

from espnet_bljust.bin import worst_losses as command
from espnet_bljust.decoding.worst_losses import chosen, loss_of
from tests.helpers.experiment import make_experiment, train


def collapsed(path):
    return tuple(token for token, _ in itertools.groupby(path) if token != 0)


def test_the_loss_is_minus_the_logarithm_of_all_paths_together():
    torch.manual_seed(0)
    frames = torch.randn(5, 3).log_softmax(-1)
    for label in ((1,), (1, 2), (2, 2), (2, 1, 2)):
        total = sum(math.exp(sum(float(frames[t, token]) for t, token in enumerate(path)))
                    for path in itertools.product(range(3), repeat=5) if collapsed(path) == label)
        assert loss_of(frames, torch.tensor(label)) == pytest.approx(-math.log(total), rel=1e-5)
    assert loss_of(frames, torch.tensor([1, 1, 1, 1])) == math.inf
    assert loss_of(frames[:0], torch.tensor([1])) == math.inf


def test_copies_at_other_speeds_are_heard_only_where_their_original_is_not_there(tmp_path):
    names = ("a", "b", "sp0.9-a", "sp1.1-c")
    (tmp_path / "utt2num_samples").write_text("".join(f"{name} 16000\n" for name in names))
    assert chosen(tmp_path) == (["a", "b", "sp1.1-c"], 3)


def test_the_lists_are_sorted_by_loss_a_character_and_a_damaged_recording_leads(tmp_path, capsys):
    exp_dir = make_experiment(tmp_path, "plan_conf.cycles=1")
    train(exp_dir)
    (exp_dir / "average.pth").write_bytes((exp_dir / "latest.pth").resolve().read_bytes())
    recording = tmp_path / "dump/dev/dev-01.wav"
    recording.write_bytes(recording.read_bytes()[:3000])
    command.main(command.get_parser().parse_args(["--exp_dir", str(exp_dir)]))
    assert f"{exp_dir}/worst_train.txt: the 7 of 7 utterances" in capsys.readouterr().out
    for name, folder, count in (("train", "train_labelled", 7), ("dev", "dev", 3)):
        head, *lines = (exp_dir / f"worst_{name}.txt").read_text().splitlines()
        rows = [line.split("\t") for line in lines]
        text = dict(line.split() for line in (tmp_path / "dump" / folder / "text").read_text().splitlines())
        losses = [float(row[0]) for row in rows]
        assert head.startswith("# nats a character") and len(rows) == count
        assert losses == sorted(losses, reverse=True) and min(losses) > 0
        assert {row[1]: row[3] for row in rows} == text
    assert rows[0][:2] == ["inf", "dev-01"] and rows[0][4] == ""
