"""The real task with a class head, with kept updates, and with dev speech of its own for the self-supervised loss."""

import json

import pytest
import torch
import yaml

from espnet_bljust.bin import plan
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.errors import InputError
from espnet_bljust.planning import limits
from espnet_bljust.planning.speed import Rates
from tests.helpers import experiment

CLASSES = ["calm", "sad", "happy"]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Stage 7 on generated sets whose texts are one of three words; ``words``: more of its options."""
    monkeypatch.setattr(limits, "measure", lambda *_: Rates(0.1, 0.1))

    def make(*words, text=None):
        for name, count, seed in (("train", 9, 1), ("pool", 5, 2), ("dev", 3, 3), ("other", 4, 4)):
            experiment.make_set(tmp_path / name, count, seed, text=name in ("train", "dev"))
        for name in ("train", "dev"):
            ids = [line.split()[0] for line in (tmp_path / name / "text").read_text().splitlines()]
            lines = [f"{each} {text or CLASSES[index % 3]}\n" for index, each in enumerate(ids)]
            (tmp_path / name / "text").write_text("".join(lines))
        (tmp_path / "size.yaml").write_text(experiment.TINY)
        (tmp_path / "conf.yaml").write_text(experiment.TRAIN)
        (tmp_path / "tokens.txt").write_text("\n".join(["<blank>", "<unk>", *CLASSES, "<sos/eos>"]) + "\n")
        options = {"config": "conf.yaml", "size_config": "size.yaml", "exp_dir": "exp", "train_dir": "train",
                   "pool_dir": "pool", "valid_dir": "dev", "token_list": "tokens.txt"}
        named = [part for name, value in options.items() for part in (f"--{name}", str(tmp_path / value))]
        plan.main(plan.get_parser().parse_args([*named, "--token_type", "word", *map(str, words)]))
        return tmp_path / "exp"

    return make


def test_joint_training_of_a_class_head_moves_everything_and_counts_wrong_classes(make):
    steps = ("--set", "plan_conf.exploration_steps=1", "--set", "plan_conf.schedule=once")
    exp_dir = make("--task", "classification", *steps)
    experiment.train(exp_dir)
    rows = experiment.history(exp_dir)
    joint = [row for row in rows if row.get("phase") == "joint" and row["kind"] == "train"]
    assert joint and all(row["ctc"] > 0 for row in joint) and any(row["contrastive"] for row in joint)
    for row in rows:
        if row["kind"] == "valid":
            assert row["cer"] * 3 == pytest.approx(round(row["cer"] * 3))  # of three utterances
    state = experiment.weights(exp_dir)
    assert any(name.startswith("network.classifier.") for name in state)
    assert not any(name.startswith("network.ctc.") for name in state)
    recogniser = Recogniser.from_experiment(exp_dir, exp_dir / "latest.pth")
    said = recogniser([torch.randn(n) * 0.1 for n in (9000, 20000, 100)])
    assert [one.text in CLASSES for one in said] == [True, True, False] and said[2].text == ""
    with pytest.raises(InputError, match="one class an utterance"):
        recogniser.search_by(SearchSettings(search="beam"))


def test_weights_stay_after_the_steps_that_are_asked_for(make):
    exp_dir = make("--set", "keep_updates=[1,3]", "--set", "plan_conf.schedule=once", "--set", "keep_nbest_models=1")
    experiment.train(exp_dir, "exploration")  # 4 steps, evaluated every second one
    assert sorted(path.name for path in exp_dir.glob("*updates.pth")) == ["1updates.pth", "3updates.pth"]
    rows = experiment.history(exp_dir)
    assert [row["step"] for row in rows if row["kind"] == "valid"] == [1, 2, 3, 4]
    first, last = (torch.load(exp_dir / name, weights_only=True) for name in ("1updates.pth", "latest.pth"))
    assert any(not torch.equal(first[name], last[name]) for name in first if ".trunk." in name)


def test_a_kept_update_beyond_the_plan_is_refused(make):
    with pytest.raises(InputError, match="keep_updates: 1000 is beyond the plan's"):
        make("--set", "keep_updates=[1,1000]")


def test_the_self_supervised_loss_of_dev_can_be_measured_on_other_speech(make, tmp_path):
    exp_dir = make("--valid_pool_dir", tmp_path / "other", "--set", "plan_conf.cycles=1")
    settings = yaml.safe_load((exp_dir / "train.yaml").read_text())
    assert settings["valid_pool_shape_file"] == [str(tmp_path / "other/utt2num_samples")]
    experiment.train(exp_dir, "exploration")
    (with_other,) = (row for row in experiment.history(exp_dir) if row["kind"] == "valid")
    for path in exp_dir.glob("*.pth"):
        path.unlink()
    (exp_dir / "history.jsonl").unlink()
    del settings["valid_pool_shape_file"], settings["valid_pool_path_and_name_and_type"]
    (exp_dir / "train.yaml").write_text(json.dumps(settings))
    experiment.train(exp_dir, "exploration")
    (with_dev,) = (row for row in experiment.history(exp_dir) if row["kind"] == "valid")
    assert with_other["ctc"] == pytest.approx(with_dev["ctc"], rel=1e-6) and with_other["cer"] == with_dev["cer"]
    assert with_other["contrastive"] != with_dev["contrastive"]


def test_more_than_one_word_is_no_class_and_is_named_before_training(make):
    with pytest.raises(InputError, match="9 of 9 utterances .*Write one word, the class"):
        make("--task", "classification", text="calm sad")
