"""--init_from: weights of every known form are recognised by their names, and what does not fit is one clear line."""

import argparse
import json
import shutil
import zipfile

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from espnet_bljust.errors import InputError
from espnet_bljust.network.convert import stock_espnet, torchaudio
from espnet_bljust.publishing import export as export_files
from espnet_bljust.publishing.experiment import Experiment
from espnet_bljust.weights.starting_point import starting_point
from tests.helpers import experiment as training
from tests.helpers.exported import LARGE, make_experiment


@pytest.fixture(scope="module", params=[{}, LARGE], ids=["base", "large"])
def experiment(request, tmp_path_factory):
    exp_dir = tmp_path_factory.mktemp("start") / "exp"
    make_experiment(exp_dir, **request.param)
    return Experiment.read(exp_dir, exp_dir / "average.pth"), exp_dir


@pytest.fixture
def small(tmp_path):
    exp_dir = tmp_path / "small"
    make_experiment(exp_dir)
    return Experiment.read(exp_dir, exp_dir / "average.pth"), exp_dir


def start(path, experiment, **changes):
    shape = experiment.shape._replace(**changes)
    return starting_point(path, shape, experiment.settings.network.tokens)


def write_espnet(experiment, out):
    torch.save(stock_espnet.to_espnet(experiment.state).state, out)
    content = {"encoder_conf": stock_espnet.encoder_conf(experiment.shape.trunk),
               "token_list": experiment.settings.network.tokens}
    (out.parent / "config.yaml").write_text(yaml.safe_dump(content))


# name: (how it is written, file name, words of the line, parts that start fresh)
FORMS = {
    "huggingface ctc": (lambda e, out: export_files.write_huggingface(e, out, "ctc"), "hf", "Hugging Face",
                        "self-supervised head"),
    "huggingface pretraining": (lambda e, out: export_files.write_huggingface(e, out, "pretraining"), "hf",
                                "Hugging Face", "CTC head"),
    "torchaudio": (lambda e, out: export_files.write_torchaudio(e, out, "ctc"), "x.pt", "torchaudio",
                   "self-supervised head, mask embedding"),
    "fairseq ctc": (lambda e, out: export_files.write_fairseq(e, out, "ctc"), "x.pt", "fairseq, fine-tuned",
                    "self-supervised head"),
    "fairseq pretraining": (lambda e, out: export_files.write_fairseq(e, out, "pretraining"), "x.pt", "fairseq",
                            "CTC head"),
    "stock ESPnet": (write_espnet, "x.pth", "stock ESPnet", "self-supervised head, mask embedding"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_comes_back_bit_by_bit_and_says_what_starts_fresh(experiment, tmp_path, form):
    experiment, _ = experiment
    write, name, words, fresh = FORMS[form]
    write(experiment, tmp_path / name)
    found = start(tmp_path / name, experiment)
    assert f": {words}, {len(found.state)} tensors loaded; starts fresh: {fresh}" in found.line
    assert all(torch.equal(value, experiment.state[key]) for key, value in found.state.items())
    assert "\n" not in found.line and "not in the file" not in found.line


def test_our_own_weights_come_back_whole_also_from_a_checkpoint(experiment, tmp_path):
    experiment, exp_dir = experiment
    found = start(exp_dir / "average.pth", experiment)
    assert found.state.keys() == experiment.state.keys() and "fresh" not in found.line
    shutil.copy(exp_dir / "train.yaml", tmp_path)
    model = torch.load(exp_dir / "average.pth", weights_only=True)
    torch.save({"model": model, "optimizer": {}, "step": 3, "scores": {}}, tmp_path / "checkpoint.pth")
    assert start(tmp_path / "checkpoint.pth", experiment).state.keys() == experiment.state.keys()


def test_a_ctc_head_of_other_or_unknown_tokens_is_left_out(small, tmp_path):
    experiment, exp_dir = small
    other = ["<blank>", "<unk>", "<space>", *"VWXYZ", "<sos/eos>"]
    found = starting_point(exp_dir / "average.pth", experiment.shape, other)
    assert "left out: CTC head (other tokens); starts fresh: CTC head" in found.line
    torch.save(torchaudio.to_torchaudio(experiment.state).state, tmp_path / "bare.pt")
    line = start(tmp_path / "bare.pt", experiment).line
    assert "CTC head (its tokens are not known)" in line and "num_heads, norm_first and strides are not in" in line


@pytest.mark.parametrize(("name", "trained"), [("10updates.pth", False), ("2epoch.pth", False), ("11updates.pth", True),
                                               ("3epoch.pth", True), ("average.pth", True), ("latest.pth", False)])
def test_a_head_that_only_explored_is_left_out_so_that_each_seed_draws_its_own(small, tmp_path, name, trained):
    experiment, exp_dir = small
    settings = yaml.safe_load((exp_dir / "train.yaml").read_text())
    rates = {"exploration_rates": {"theta": 1, "eta": 1}, "joint_rates": {"theta": 1, "phi": 1, "eta": 1},
             "final_rates": {"theta": 1, "phi": 1}}
    settings |= {"steps_per_epoch": 6, "plan_conf": {  # evaluated after steps 6, 10 (end of exploration), 16, 20
        "schedule": "once", "exploration_steps": 10, "joint_steps": 10, "final_steps": 0, **rates}}
    (exp_dir / "train.yaml").write_text(yaml.safe_dump(settings))
    path = exp_dir / name
    if name == "latest.pth":
        shutil.copy(exp_dir / "average.pth", exp_dir / "2epoch.pth")
        path.symlink_to("2epoch.pth")
    elif name != "average.pth":
        shutil.copy(exp_dir / "average.pth", path)
    begun = start(path, experiment)
    assert any(key.startswith("ctc.") for key in begun.state) == trained
    assert ("left out: CTC head (not trained)" in begun.line) != trained


def test_settings_of_old_and_new_fairseq_are_read_without_its_classes(small, tmp_path):
    omegaconf = pytest.importorskip("omegaconf", reason="omegaconf is not installed: the extra `train`")
    experiment, _ = small
    export_files.write_fairseq(experiment, tmp_path / "x.pt", "ctc")
    content = torch.load(tmp_path / "x.pt", weights_only=True)
    inner = argparse.Namespace(**content["cfg"]["model"]["w2v_args"]["model"], normalize=True)
    for name, settings in (("old", {"args": argparse.Namespace(arch="wav2vec_ctc", w2v_args=inner)}),
                           ("new", {"cfg": omegaconf.OmegaConf.create(content["cfg"])})):
        for legacy in (False, True):
            torch.save({**settings, "model": content["model"]}, tmp_path / "y.pt",
                       _use_new_zipfile_serialization=not legacy)
            line = start(tmp_path / "y.pt", experiment).line
            assert "fairseq, fine-tuned" in line and "not in the file" not in line
            assert ("zero mean" in line) == (name == "old")
    inner.layer_norm_first = True
    torch.save({"args": inner, "model": content["model"]}, tmp_path / "y.pt")
    with pytest.raises(InputError, match="norm_first True there, False here"):
        start(tmp_path / "y.pt", experiment)


def test_hugging_faces_normalisation_of_audio_is_told(small, tmp_path):
    experiment, _ = small
    export_files.write_huggingface(experiment, tmp_path / "hf", "ctc")
    path = tmp_path / "hf/preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_normalize": True}))
    assert "trained on audio of zero mean and unit variance" in start(tmp_path / "hf", experiment).line


def test_our_own_settings_count_with_their_defaults_and_normalisation_is_told(small):
    experiment, exp_dir = small
    path = exp_dir / "train.yaml"
    settings = yaml.safe_load(path.read_text())
    for name in ("num_heads", "norm_first", "normalize"):
        settings["trunk_conf"].pop(name, None)
    path.write_text(yaml.safe_dump(settings))  # 12 heads by default
    here = experiment.shape.trunk
    with pytest.raises(InputError, match=f"num_heads 12 there, {here.num_heads} here"):
        start(exp_dir / "average.pth", experiment)
    settings["trunk_conf"] |= {"num_heads": here.num_heads, "norm_first": here.norm_first, "normalize": True}
    path.write_text(yaml.safe_dump(settings))
    assert "trained on audio of zero mean and unit variance" in start(exp_dir / "average.pth", experiment).line


def test_hugging_faces_other_activations_are_refused(small, tmp_path):
    experiment, _ = small
    export_files.write_huggingface(experiment, tmp_path / "hf", "ctc")
    path = tmp_path / "hf/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hidden_act": "relu"}))
    assert "hidden_act is 'relu', here it is gelu" in refused(tmp_path / "hf/model.safetensors", experiment)


def refused(path, experiment):
    with pytest.raises(InputError) as caught:
        start(path, experiment)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(str(path))
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_another_size_is_refused_with_the_options_that_differ(small, tmp_path, form):
    make_experiment(tmp_path / "other", dim=48, num_layers=3)
    other = Experiment.read(tmp_path / "other", tmp_path / "other/average.pth")
    write, name, *_ = FORMS[form]
    write(other, tmp_path / name)
    message = refused(tmp_path / name, small[0])
    for said in ("dim 48 there, 36 here", "num_layers 3 there, 2 here", "there, (36,) here"):
        assert said in message


def test_a_truncated_or_damaged_file_is_one_line(small, tmp_path):
    experiment, exp_dir = small
    whole = (exp_dir / "average.pth").read_bytes()
    export_files.write_huggingface(experiment, tmp_path / "hf", "ctc")
    tensors = (tmp_path / "hf/model.safetensors").read_bytes()
    with zipfile.ZipFile(exp_dir / "average.pth") as archive:
        entry = max(archive.infolist(), key=lambda one: one.file_size)
    place = entry.header_offset + 500
    for name, content in {"cut.pth": whole[: len(whole) // 2], "empty.pth": b"", "text.pt": b"hello" * 100,
                          "flipped.pth": whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :],
                          "cut.safetensors": tensors[:-100], "head.safetensors": tensors[:5]}.items():
        (tmp_path / name).write_bytes(content)
        assert "not readable as weights" in refused(tmp_path / name, experiment)


def test_an_incomplete_trunk_and_unknown_tensors_are_refused(small, tmp_path):
    experiment, exp_dir = small
    state = torch.load(exp_dir / "average.pth", weights_only=True)
    del state["network.trunk.encoder.transformer.layer_norm.weight"]
    torch.save(state, tmp_path / "part.pth")
    assert "1 missing (trunk.encoder.transformer.layer_norm.weight)" in refused(tmp_path / "part.pth", experiment)
    export_files.write_fairseq(experiment, tmp_path / "x.pt", "pretraining")
    content = torch.load(tmp_path / "x.pt", weights_only=True)["model"]
    torch.save({"model": {**content, "target_glu.0.weight": torch.zeros(2)}}, tmp_path / "x.pt")
    assert "1 without a place (target_glu.0.weight)" in refused(tmp_path / "x.pt", experiment)
    export_files.write_huggingface(experiment, tmp_path / "hf", "ctc")
    tensors = load_file(tmp_path / "hf/model.safetensors")
    save_file({**tensors, "wav2vec2.adapter.proj.weight": torch.zeros(2)}, tmp_path / "adapter.safetensors")
    assert "1 without a place (adapter.proj.weight)" in refused(tmp_path / "adapter.safetensors", experiment)
    twice = {name.removeprefix("wav2vec2."): value.clone() for name, value in tensors.items()}
    save_file({**tensors, **twice}, tmp_path / "twice.safetensors")
    with pytest.raises(InputError, match="tensors stand there twice"):
        start(tmp_path / "twice.safetensors", experiment)
    torch.save({"model": {"decoder.weight": torch.zeros(2)}}, tmp_path / "x.pt")
    assert "no wav2vec 2.0 in a known form" in refused(tmp_path / "x.pt", experiment)


class Malicious:
    def __reduce__(self):
        return print, ("this ran",)


def test_a_file_with_python_objects_is_not_run(small, tmp_path, capsys):
    torch.save({"model": {}, "extra_state": Malicious()}, tmp_path / "x.pt")
    assert "is not loaded, since it could run anything" in refused(tmp_path / "x.pt", small[0])
    assert "this ran" not in capsys.readouterr().out


def test_what_is_not_there_is_named(small, tmp_path):
    assert "not found. Correct --init_from" in refused(tmp_path / "none.pt", small[0])
    (tmp_path / "empty").mkdir()
    assert "holds neither model.safetensors" in refused(tmp_path / "empty", small[0])


@pytest.mark.parametrize("until", ["exploration", "joint", "final"])
def test_the_first_phase_of_the_plan_begins_with_the_weights_and_going_on_does_not_read_them(tmp_path, until, capsys):
    """With all rates at 0 the checkpoint holds what training began with."""
    rates = [f"plan_conf.{phase}_rates.{role}=0" for phase, roles in (
        ("exploration", ("theta", "eta")), ("joint", ("theta", "phi", "eta")), ("final", ("theta", "phi")))
        for role in roles]
    skipped = {"exploration": [], "joint": ["exploration"], "final": ["exploration", "joint"]}[until]
    rates += ["plan_conf.schedule=once", *(f"plan_conf.{phase}_steps=0" for phase in skipped)]
    first = training.make_experiment(tmp_path)
    training.train(first, "exploration")
    shutil.copy(first / "latest.pth", tmp_path / "start.pth")  # without train.yaml: the tokens are not known
    exp_dir = training.make_experiment(tmp_path, *rates, init_from=tmp_path / "start.pth")
    assert "ours, " in capsys.readouterr().out
    training.train(exp_dir, until)
    begun, wanted = training.weights(exp_dir), training.weights(first)
    assert all(torch.equal(begun[name], wanted[name]) for name in begun if not name.startswith("network.ctc."))
    (tmp_path / "start.pth").unlink()
    training.train(exp_dir, "final")
