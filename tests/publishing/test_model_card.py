"""README.md of a published model: phones and classes have their own rates, and a template's mistake is one line."""

import re
import shlex
import shutil

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import ModelCard

from espnet_bljust.errors import InputError
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.publishing.about import About
from espnet_bljust.publishing.experiment import Experiment
from espnet_bljust.publishing.model_card import card, without_paths
from espnet_bljust.scoring.confusion import Confusion, write_confusion
from espnet_bljust.scoring.measured_with import Digested, note_scored, note_weights
from espnet_bljust.scoring.significance import rate_interval
from espnet_bljust.training.configuration import TrainingSettings

NETWORK = {"trunk_conf": {"conv_layers": [[16, 10, 5], [16, 8, 8], [16, 8, 8]], "dim": 16, "num_layers": 1,
                          "num_heads": 2, "ffn_dim": 16, "pos_kernel": 4, "pos_groups": 2},
           "ssl_conf": {"codes": 8, "latent_dim": 8, "final_dim": 8}, "bpemodel": None,
           "token_list": ["<blank>", "<unk>", "a", "b", "<sos/eos>"], "plan_conf": {
               "method": "supervised", "exploration_steps": 1, "joint_steps": 1, "final_steps": 1,
               **{f"{phase}_rates": {"theta": 0.1, "phi": 0.1, "eta": 0.1}
                  for phase in ("exploration", "joint", "final")}}}
ABOUT = About(corpora=["timit"])
SCORES = ("8 0 0 0", "5 1 0 0", "5 0 1 0")
RESULT = "| Sum | 3 20 | 18 1 1 0 2 2 |\n" + "".join(
    f"\nid: (s-{index})\nScores: (#C #S #D #I) {scores}\n" for index, scores in enumerate(SCORES))


@pytest.fixture
def exp_dir(tmp_path):
    """An experiment with scores on one set."""
    for kind in ("wer", "cer", "ter"):
        folder = tmp_path / f"exp/toy/decode_greedy/test/score_{kind}"
        folder.mkdir(parents=True)
        (folder / "result.txt").write_text(RESULT)
    weights, folder = tmp_path / "exp/toy/average.pth", tmp_path / "exp/toy/decode_greedy/test"
    for path in (weights, folder / "text", tmp_path / "text"):
        path.write_text("s-0 a\n")
    note_weights(folder, Digested.of(weights, weights.name))
    note_scored(folder, tmp_path / "text", folder / "text")
    return tmp_path / "exp/toy"


def told(experiment, exp_dir, about):
    """The card of average.pth."""
    return card(experiment, exp_dir, about, Digested.of(exp_dir / "average.pth").sha256)


def experiment(tmp_path, **changes):
    shapes = {f"{name}_shape_file": [str(tmp_path / name)] for name in ("train", "unlabelled", "valid")}
    settings = TrainingSettings({**NETWORK, **shapes, "token_type": "char", **changes})
    torch.manual_seed(0)
    shape = settings.network.shape
    return Experiment(settings, shape, JointNetwork(*shape).state_dict())


def test_of_phones_the_card_tells_the_phone_error_rate_alone(exp_dir, tmp_path):
    text = told(experiment(tmp_path, token_type="phn"), exp_dir, ABOUT)
    assert "| set | utterances | PER % (95 %) |" in text and "WER" not in text
    assert re.search(r"\| decode_greedy/test \| 3 \| 10\.0 \(0\.0 to 1\d\.\d\) \|", text)
    front = yaml.safe_load(text.split("---\n")[1])
    assert "language" not in front and "license" not in front and front["datasets"] == ["timit"]


def test_of_classes_it_tells_accuracy_and_recalls_and_how_to_load_such_a_model(exp_dir, tmp_path):
    folder = exp_dir / "decode_greedy/test/score_class"
    folder.mkdir()
    write_confusion(folder / "confusion.json", Confusion(["happy", "sad"], np.array([[3, 1], [0, 4]])))
    text = told(experiment(tmp_path, head_conf={"kind": "mean"}, token_type="word"), exp_dir, ABOUT)
    assert "|decode_greedy/test|8|87.5|87.5|75.0|100.0|" in text and "pipeline_tag: audio-classification" in text
    assert "espnet_bljust.bin.recognise --model" in text and "Speech2Text" not in text


def loaded(text, tmp_path):
    """What huggingface_hub reads of a card."""
    (tmp_path / "README.md").write_text(text)
    return ModelCard.load(tmp_path / "README.md", repo_type="model").data


def test_the_hub_reads_the_rates_of_test_sets_back_but_not_of_the_set_that_chose_the_weights(exp_dir, tmp_path):
    shutil.copytree(exp_dir / "decode_greedy/test", exp_dir / "decode_beam/test")
    shutil.copytree(exp_dir / "decode_greedy/test", exp_dir / "decode_greedy/dev")
    better = exp_dir / "decode_beam/test/score_wer/result.txt"
    better.write_text(RESULT.replace("18 1 1 0", "19 1 0 0"))
    about = ABOUT._replace(options=["valid_set=dev"])
    data = loaded(told(experiment(tmp_path), exp_dir, about), tmp_path)
    assert data.model_name == "toy" and data.metrics == ["wer", "cer"]
    assert [(one.dataset_name, one.dataset_config, one.dataset_split, one.metric_type, one.metric_value)
            for one in data.eval_results] == [
        ("timit test", "decode_beam", "test", "wer", 5.0), ("timit test", "decode_beam", "test", "cer", 10.0),
        ("timit test", "decode_greedy", "test", "wer", 10.0), ("timit test", "decode_greedy", "test", "cer", 10.0)]
    assert {(one.task_type, one.dataset_type) for one in data.eval_results} == {
        ("automatic-speech-recognition", "timit")}


def test_the_hub_reads_of_classes_their_accuracy_and_mean_recall(exp_dir, tmp_path):
    folder = exp_dir / "decode_greedy/test/score_class"
    folder.mkdir()
    write_confusion(folder / "confusion.json", Confusion(["happy", "sad"], np.array([[3, 1], [0, 6]])))
    data = loaded(told(experiment(tmp_path, head_conf={"kind": "mean"}, token_type="word"), exp_dir, ABOUT), tmp_path)
    assert {one.metric_type: one.metric_value for one in data.eval_results} == {"accuracy": 90.0, "recall": 87.5}
    assert data.pipeline_tag == "audio-classification"


def test_a_model_that_was_not_measured_says_so_and_has_no_index(exp_dir, tmp_path):
    shutil.rmtree(exp_dir / "decode_greedy")
    text = told(experiment(tmp_path), exp_dir, ABOUT)
    assert "Not measured with these weights." in text and "model-index" not in text
    assert loaded(text, tmp_path).datasets == ["timit"]


def test_hours_are_told_where_the_data_are_still_there(exp_dir, tmp_path):
    for name, samples in (("train", 1800), ("unlabelled", 9000), ("valid", 360)):
        (tmp_path / name).write_text(f"u1 {samples * 16000}\n")
    text = told(experiment(tmp_path), exp_dir, ABOUT)
    assert "| labelled | 0.50 |\n| unlabelled | 2.00 |\n| dev | 0.10 |" in text  # of the pool, 0.5 h are labelled
    about = ABOUT._replace(options=["ssl_on_labelled=false"])
    assert "| unlabelled | 2.50 |" in told(experiment(tmp_path), exp_dir, about)
    (tmp_path / "unlabelled").unlink()
    assert "| unlabelled | not known |" in told(experiment(tmp_path), exp_dir, about)


def test_a_template_that_asks_for_what_no_model_has_is_one_line(exp_dir, tmp_path):
    about = ABOUT._replace(template=tmp_path / "card.md")
    for text in ("$colour", "costs 5 $"):
        about.template.write_text(text)
        with pytest.raises(InputError, match=r"card\.md: .*no fact about a model\. Write \$\$"):
            told(experiment(tmp_path), exp_dir, about)


@pytest.mark.parametrize("value", ["/data/me/x", "~/x", "../../me/x", "/data/my corpus/x"])
def test_a_path_of_the_machine_never_stands_in_the_command(value):
    assert without_paths("init_from", value) == "<path>"
    assert without_paths("local_data_opts", f"--dir {shlex.quote(value)} --n 3") == "--dir <path> --n 3"
    assert without_paths("asr_config", "conf/tuning/x.yaml") == "conf/tuning/x.yaml"


def test_the_interval_of_a_rate_is_the_binomial_one_where_every_utterance_has_one_word():
    errors = [1] * 30 + [0] * 70
    low, high = rate_interval(errors, [1] * 100, draws=4000)
    half = 1.96 * (0.3 * 0.7 / 100) ** 0.5  # normal approximation
    assert low == pytest.approx(0.3 - half, abs=0.02) and high == pytest.approx(0.3 + half, abs=0.02)
    assert rate_interval([0, 0], [3, 4]) == (0.0, 0.0)
