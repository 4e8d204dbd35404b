"""Trunks that other libraries do not have: their packs load here, every other form is refused in one clear line."""

import pytest
import torch
import yaml

from espnet_bljust.bin import export
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.errors import InputError
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.weights.own_files import NetworkSettings
from espnet_bljust.weights.starting_point import starting_point

TOKENS = ["<blank>", "<unk>", "<space>", *"ABCDE", "<sos/eos>"]
SYSTEMS = {
    "cnn_rnn": {"trunk": "cnn_rnn", "trunk_conf": {"num_mels": 20, "maps": 4, "num_layers": 2, "hidden": 8, "dim": 12},
                "objective": "cpc", "cpc_conf": {"final_dim": 8}},
    "conformer": {"trunk": "conformer", "ssl_conf": {"codes": 8, "latent_dim": 8, "final_dim": 8},
                  "trunk_conf": {"num_mels": 20, "dim": 12, "num_layers": 1, "num_heads": 2, "ffn_dim": 16}},
    "conformer depthwise": {"trunk": "conformer", "ssl_conf": {"codes": 8, "latent_dim": 8, "final_dim": 8},
                            "trunk_conf": {"num_mels": 20, "dim": 12, "num_layers": 1, "num_heads": 2, "ffn_dim": 16,
                                           "subsampling": "depthwise", "subsampling_factor": 8}},
}
CLASSES = {"trunk_conf": {"conv_layers": [[16, 10, 5], [16, 8, 8], [16, 8, 8]], "dim": 16, "num_layers": 1,
                          "num_heads": 2, "ffn_dim": 16, "pos_kernel": 4, "pos_groups": 2},
           "ssl_conf": {"codes": 8, "latent_dim": 8, "final_dim": 8}, "head_conf": {"kind": "mean"}}


@pytest.fixture(params=SYSTEMS)
def exp_dir(request, tmp_path, monkeypatch):
    """train.yaml and average.pth."""
    monkeypatch.chdir(tmp_path)
    return make(tmp_path / "exp", {**SYSTEMS[request.param], "token_list": TOKENS, "token_type": "char"})


def make(folder, settings):
    folder.mkdir()
    settings = {"bpemodel": None, **settings}
    (folder / "train.yaml").write_text(yaml.safe_dump(settings))
    torch.manual_seed(0)
    network = JointNetwork(*NetworkSettings.of(settings).shape)
    torch.save({f"network.{name}": value for name, value in network.state_dict().items()}, folder / "average.pth")
    return folder


def run_export(exp_dir, to, out):
    words = ["--exp_dir", exp_dir, "--to", to, "--out", out]
    export.main(export.get_parser().parse_args([str(word) for word in words]))


def test_a_pack_hears_what_its_experiment_hears_in_words_with_times(exp_dir, capsys):
    out = exp_dir / "model.zip"
    run_export(exp_dir, "espnet", out)
    assert "recognise --model (not with stock ESPnet)" in capsys.readouterr().out
    waves = [0.1 * torch.randn(16000), torch.randn(300)]
    ours, packed = Recogniser.from_pretrained(str(exp_dir)), Recogniser.from_pretrained(str(out))
    for one, other in zip(ours.log_probabilities(waves), packed.log_probabilities(waves), strict=True):
        assert torch.equal(one, other)
    frames = ours.log_probabilities(waves)[0]
    assert len(frames) == ours.frames.num_frames(16000)
    for word in ours.words(frames, ours.nbest(frames)[0]):
        assert -0.02 <= word.start_seconds < word.end_seconds <= 1.02


def test_a_pack_of_a_class_head_says_the_class_that_its_experiment_says(tmp_path):
    classes = ["<blank>", "<unk>", "happy", "sad", "<sos/eos>"]
    folder = make(tmp_path / "exp", {**CLASSES, "token_list": classes, "token_type": "word"})
    run_export(folder, "espnet", tmp_path / "model.zip")
    waves = [0.1 * torch.randn(16000), torch.randn(9000)]
    ours, packed = Recogniser.from_pretrained(str(folder)), Recogniser.from_pretrained(str(tmp_path / "model.zip"))
    for one, other in zip(ours.log_probabilities(waves), packed.log_probabilities(waves), strict=True):
        assert torch.equal(one, other)
    assert [each.text for each in ours(waves)] == [each.text for each in packed(waves)]
    with pytest.raises(InputError, match="fairseq: has no form for the head mean.*--to espnet"):
        run_export(folder, "fairseq", tmp_path / "x.pt")


@pytest.mark.parametrize("to, name", [("huggingface", "hf"), ("fairseq", "x.pt"), ("torchaudio", "x.pt")])
def test_forms_of_other_libraries_are_refused_with_the_one_that_exists(exp_dir, to, name):
    with pytest.raises(InputError, match=f"{to}: has no form for the trunk .*--to espnet"):
        run_export(exp_dir, to, exp_dir / name)
    assert not (exp_dir / name).exists()


def test_training_starts_from_such_weights(exp_dir):
    settings = yaml.safe_load((exp_dir / "train.yaml").read_text())
    same = starting_point(exp_dir / "average.pth", NetworkSettings.of(settings).shape, TOKENS)
    assert len(same.state) == len(torch.load(exp_dir / "average.pth", weights_only=True))
    with pytest.raises(InputError, match="average.pth: (not the whole of such|weights of another size)"):
        other = NetworkSettings.of({**settings, "trunk": "wav2vec2", "trunk_conf": {}})
        starting_point(exp_dir / "average.pth", other.shape, TOKENS)


def test_a_head_of_another_objective_is_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {**SYSTEMS["conformer"], "token_list": TOKENS, "token_type": "char"}
    folder = make(tmp_path / "exp", settings)
    start = starting_point(folder / "average.pth", NetworkSettings.of({**settings, "objective": "cpc"}).shape, TOKENS)
    assert "left out: self-supervised head (another objective)" in start.line
    assert {name.split(".")[0] for name in start.state} == {"trunk", "ctc"}
