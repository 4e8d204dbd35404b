"""Stage 14: stock ESPnet loads the pack where this package cannot be imported, and hears the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

sys.path.insert(0, str(Path(__file__).parent))
from experiment import make_experiment, train  # noqa: E402

from espnet_bljust.bin import pack  # noqa: E402
from espnet_bljust.bin.recogniser import Recogniser  # noqa: E402
from espnet_bljust.data.tables import read_table  # noqa: E402

STOCK = """
import json, sys
sys.modules["espnet_bljust"] = None  # any import of it fails
import soundfile, torch
from espnet2.bin.asr_inference import Speech2Text
model = Speech2Text.from_pretrained(sys.argv[1], ctc_weight=1.0, beam_size=3)
waves = [soundfile.read(path, dtype="float32")[0] for path in sys.argv[2:]]
logits = []
for wave in waves:
    speech = torch.from_numpy(wave)[None]
    with torch.no_grad():
        hidden, _ = model.asr_model.encode(speech, torch.tensor([len(wave)]))
        logits.append(model.asr_model.ctc.ctc_lo(hidden)[0].tolist())
print(json.dumps({"logits": logits, "best": [model(wave)[0][0] for wave in waves]}))
"""


@pytest.fixture(scope="module")
def exp_dir(tmp_path_factory):
    exp_dir = make_experiment(tmp_path_factory.mktemp("packing"))
    train(exp_dir, "final")
    return exp_dir


def run_pack(exp_dir, monkeypatch):
    monkeypatch.chdir(exp_dir)
    pack.main(pack.get_parser().parse_args(["--exp_dir", ".", "--model", "latest.pth", "--out", "x.zip",
                                              "--huggingface", "huggingface"]))
    return exp_dir / "x.zip"


def test_stock_espnet_gives_our_logits_from_the_pack_alone(exp_dir, tmp_path, monkeypatch):
    archive = run_pack(exp_dir, monkeypatch)
    paths = list(read_table(exp_dir.parent / "dump/dev/wav.scp").values())
    command = [sys.executable, "-c", STOCK, archive, *paths]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    stock = json.loads(result.stdout.splitlines()[-1])
    recogniser = Recogniser.from_experiment(exp_dir, exp_dir / "latest.pth")
    waves = [torch.from_numpy(soundfile.read(path, dtype="float32")[0]) for path in paths]
    with torch.inference_mode():
        logits, lengths = recogniser.network.recognise(waves)
    for ours, theirs in zip(logits.split(lengths), stock["logits"], strict=True):
        assert torch.allclose(ours, torch.tensor(theirs), atol=1e-4)


def test_a_pack_names_no_folder_of_the_machine_that_made_it(exp_dir, monkeypatch):
    run_pack(exp_dir, monkeypatch)
    config = (exp_dir / "pack" / "config.yaml").read_text()
    assert str(exp_dir.parent) not in config and "dump" not in config and "espnet_bljust" not in config


def test_the_hugging_face_form_lies_beside_the_pack(exp_dir, monkeypatch):
    run_pack(exp_dir, monkeypatch)
    assert {path.name for path in (exp_dir / "huggingface").iterdir()} == {
        "config.json", "model.safetensors", "preprocessor_config.json", "tokenizer_config.json", "tokens.txt",
        "vocab.json"}


def test_audio_shorter_than_a_frame_is_recognised_as_nothing(exp_dir):
    recogniser = Recogniser.from_experiment(exp_dir, exp_dir / "latest.pth")
    first, second = recogniser([torch.zeros(300), torch.randn(8000)])
    assert first.text == "" and first.ids == []
    assert recogniser([torch.randn(8000)])[0] is not None and isinstance(second.text, str)
