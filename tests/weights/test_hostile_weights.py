"""Weights from strangers: no code in them is run, and nothing of a promised size is made; every refusal is one line."""

import io
import json
import os
import pickle
import resource
import zipfile

import kaldiio
import numpy as np
import pytest
import torch
import yaml

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.decoding.load_model import from_pack
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.errors import InputError
from espnet_bljust.network.convert.fairseq import read_layers
from espnet_bljust.publishing.experiment import Experiment
from espnet_bljust.weights.checkpoint import load
from espnet_bljust.weights.own_files import NetworkSettings
from espnet_bljust.weights.starting_point import starting_point
from tests.helpers.exported import make_experiment


class Payload:
    """Its pickle leaves a trace when it is loaded."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


@pytest.fixture
def exp_dir(tmp_path):
    make_experiment(tmp_path / "exp")
    return tmp_path / "exp"


def settings_of(exp_dir):
    return yaml.safe_load((exp_dir / "train.yaml").read_text())


def readers(exp_dir):
    """Every way in which weights are read."""
    weights, settings = exp_dir / "average.pth", settings_of(exp_dir)
    pack = exp_dir / "pack"
    pack.mkdir(exist_ok=True)
    (pack / "c.yaml").write_text(yaml.safe_dump({"trunk": "wav2vec2", **settings}))
    (pack / "model.pth").write_bytes(without_prefix(weights))
    (pack / "meta.yaml").write_text("files: {asr_model_file: model.pth}\nyaml_files: {asr_train_config: c.yaml}\n")
    return {
        "checkpoint": lambda: load(weights),
        "starting point": lambda: starting_point(weights, NetworkSettings.of(settings).shape, settings["token_list"]),
        "experiment": lambda: Experiment.read(exp_dir, weights),
        "recogniser": lambda: Recogniser.from_experiment(exp_dir, weights),
        "pack": lambda: from_pack(pack),
    }


def without_prefix(weights):
    """As in a pack; what cannot be loaded stays as it is."""
    try:
        state = torch.load(weights, weights_only=True)
        return in_zip({name.removeprefix("network."): value for name, value in state.items()})
    except Exception:
        return weights.read_bytes()


def refused(read):
    """The one line."""
    with pytest.raises(InputError) as caught:
        read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def in_zip(content):
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


def old_form(content):
    out = io.BytesIO()
    torch.save(content, out, _use_new_zipfile_serialization=False)
    return out.getvalue()


@pytest.mark.parametrize("form", [pickle.dumps, in_zip, old_form], ids=["pickle", "zip", "old form"])
@pytest.mark.parametrize("place", ["whole", "value", "settings"])
def test_a_pickle_never_runs_code(exp_dir, tmp_path, form, place):
    trace = tmp_path / "trace"
    payload, state = Payload(trace), torch.load(exp_dir / "average.pth", weights_only=True)
    content = {"whole": payload, "value": {**state, "x": payload}, "settings": {"model": state, "cfg": payload}}[place]
    (exp_dir / "average.pth").write_bytes(form(content))
    for read in readers(exp_dir).values():
        refused(read)
    assert not trace.exists()
    pickle.loads(pickle.dumps(payload))
    assert trace.exists(), "the payload itself works"


def test_a_pickle_in_an_archive_of_kaldi_never_runs_code(tmp_path):
    payload = Payload(tmp_path / "trace")
    objects = io.BytesIO()
    np.save(objects, np.array([payload], dtype=object), allow_pickle=True)
    length = len(objects.getvalue()).to_bytes(4, "little")
    (tmp_path / "a.ark").write_bytes(b"a PKL" + pickle.dumps(payload))
    (tmp_path / "b.ark").write_bytes(b"a NPY\x04" + length + objects.getvalue())
    for name in ("a", "b"):
        refused(lambda name=name: read_audio(f"{tmp_path}/{name}.ark:2"))
    assert not (tmp_path / "trace").exists()
    assert kaldiio.load_mat(f"{tmp_path}/a.ark:2") == 0 and (tmp_path / "trace").exists(), "kaldiio alone runs it"


@pytest.fixture
def bounded_memory(exp_dir):
    for read in readers(exp_dir).values():  # what is imported late, is now
        read()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 << 10  # kB


HUGE = torch.zeros(1).expand(1 << 20, 1 << 20)  # four bytes that stand for 4 TB
ODD = {
    "of strides 0": {"network.trunk.mask_embedding": HUGE}, "meta": {"network.trunk.x": torch.empty(9, device="meta")},
    "sparse": {"network.trunk.x": torch.sparse_coo_tensor([[0], [0]], [1.0], (1 << 20, 1 << 20))},
    "no tensor": {"network.trunk.x": 3}, "of no string": {7: torch.zeros(1)}, "nothing": {}, "list": [1, 2],
}


@pytest.mark.parametrize("kind", ODD)
def test_tensors_that_stand_for_more_than_is_there_are_refused(exp_dir, bounded_memory, kind):
    state = torch.load(exp_dir / "average.pth", weights_only=True)
    torch.save({**state, **ODD[kind]} if ODD[kind] and kind != "list" else ODD[kind], exp_dir / "average.pth")
    found = readers(exp_dir)
    for name in ("starting point", "experiment", "recogniser", "pack"):
        if (kind, name) not in {("no tensor", "starting point"), ("of no string", "starting point")}:  # left out there
            refused(found[name])


def test_compressed_weights_are_refused_since_a_little_may_hold_gigabytes(exp_dir):
    path = exp_dir / "average.pth"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    found = readers(exp_dir)
    (exp_dir / "pack/model.pth").write_bytes(path.read_bytes())
    for name in ("starting point", "experiment", "recogniser", "pack"):
        assert "compressed" in refused(found[name])


@pytest.mark.parametrize("change", [
    {"dim": 1 << 40}, {"num_layers": 10**9}, {"ffn_dim": 10**9}, {"conv_layers": [[10**9, 10, 5]] * 3}, {"dim": 2.5},
    {"conv_layers": "x"}, {"num_heads": "3"}, {"pos_kernel": 1 << 62}, "x", [1],
])  # fmt: skip
def test_settings_of_absurd_sizes_are_refused_before_anything_is_built(exp_dir, bounded_memory, change):
    settings = settings_of(exp_dir)
    settings["trunk_conf"] = {**settings["trunk_conf"], **change} if isinstance(change, dict) else change
    (exp_dir / "train.yaml").write_text(yaml.safe_dump(settings))
    found = readers(exp_dir)
    for name in ("experiment", "recogniser", "pack"):
        refused(found[name])


@pytest.mark.parametrize("name", ["../average.pth", "/etc/passwd", "x/../../average.pth"])
def test_a_pack_names_no_file_outside_of_it(exp_dir, name):
    read, pack = readers(exp_dir)["pack"], exp_dir / "pack"
    read()
    for key, inside in (("asr_model_file", "files"), ("asr_train_config", "yaml_files")):
        meta = {"files": {"asr_model_file": "model.pth"}, "yaml_files": {"asr_train_config": "c.yaml"}}
        meta[inside][key] = name
        (pack / "meta.yaml").write_text(yaml.safe_dump(meta))
        assert "outside of the pack" in refused(read)


def test_layers_of_an_extractor_are_read_and_not_repeated_without_end():
    assert read_layers("[(512, 10, 5)] + [(512, 3, 2)] * 2") == [[512, 10, 5], [512, 3, 2], [512, 3, 2]]
    for text in ("[(1, 1, 1)] * 999999999", "[(1, 1, 1)] * " + "9" * 5000, "[(1, 1, 1)] * 100 + [(1, 1, 1)]"):
        with pytest.raises(ValueError, match="more than 100 layers"):
            read_layers(text)


def test_settings_beside_weights_that_describe_nothing_are_one_line(exp_dir):
    (exp_dir / "average.json").write_text(json.dumps({"arguments": {"encoder_num_heads": 1}}))
    state = torch.load(exp_dir / "average.pth", weights_only=True)
    trunk = {name.removeprefix("network.trunk."): value for name, value in state.items()
             if name.startswith("network.trunk.") and "mask" not in name}  # as torchaudio names them
    torch.save(trunk, exp_dir / "average.pth")
    assert "do not describe the network" in refused(readers(exp_dir)["starting point"])
