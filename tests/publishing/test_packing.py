"""Stage 14: stock ESPnet loads the pack where this package cannot be imported, and hears the same."""

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch
import yaml
from espnet2.tasks.asr import ASRTask
from espnet_model_zoo.downloader import ModelDownloader

from espnet_bljust.bin import pack
from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.convert.stock_espnet import to_espnet
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.publishing.experiment import Experiment
from espnet_bljust.publishing.model_card import check_private
from espnet_bljust.publishing.pack import export_config, write_pack
from espnet_bljust.scoring.measured_with import Digested, note_scored, note_weights
from espnet_bljust.training.configuration import TrainingSettings
from espnet_bljust.weights.own_files import NetworkSettings
from tests.helpers.experiment import make_experiment, train
from tests.helpers.hub import TOKEN, Hub, upload
from tests.helpers.traces import traces

LARGE = {"dim": 24, "num_layers": 2, "num_heads": 3, "ffn_dim": 40, "pos_kernel": 16, "pos_groups": 4,
         "extractor_norm": "layer", "conv_bias": True, "norm_first": True}

USER, HOST, FOLDER = "an-odd-user", "an-odd-host", "an-odd-folder"
TELLING = {"USER": USER, "LOGNAME": USER, "HOSTNAME": HOST, "HF_TOKEN": "hf_" + "oddtoken" * 4,
           "AN_ODD_VARIABLE": "an-odd-value"}
RESULT = """
| Sum | 2 2 | 1 1 0 0 1 1 |

id: (s-1)
Scores: (#C #S #D #I) 1 0 0 0

id: (s-2)
Scores: (#C #S #D #I) 0 1 0 0
"""
SCORED = {"RESULTS.md": "# RESULTS\n",
          **{f"decode_greedy/dev/score_{kind}/result.txt": RESULT for kind in ("wer", "cer", "ter")}}

STOCK = """
import json, sys
sys.modules["espnet_bljust"] = None  # any import of it fails
import soundfile, torch
from espnet2.bin.asr_inference import Speech2Text
models = [Speech2Text.from_pretrained(name, ctc_weight=1.0, beam_size=3) for name in json.loads(sys.argv[1])]
waves = [soundfile.read(path, dtype="float32")[0] for path in sys.argv[2:]]
found = []
for model in models:
    found.append([])
    for wave in waves:
        speech = torch.from_numpy(wave)[None]
        with torch.no_grad():
            hidden, _ = model.asr_model.encode(speech, torch.tensor([len(wave)]))
            found[-1].append(model.asr_model.ctc.ctc_lo(hidden)[0].tolist())
        assert isinstance(model(wave)[0][0], str)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def exp_dir(tmp_path_factory):
    """Trained below a folder whose name would tell, by somebody whose name would."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TELLING.items():
            patch.setenv(name, value)
        patch.setattr(socket, "gethostname", lambda: HOST)
        patch.setattr(platform, "node", lambda: HOST)
        root = tmp_path_factory.mktemp("packing") / FOLDER
        root.mkdir()
        exp_dir = make_experiment(root)
        train(exp_dir, "final")
        for name, text in SCORED.items():
            (exp_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (exp_dir / name).write_text(text)
        note_measured(exp_dir / "decode_greedy/dev", exp_dir / "latest.pth")
        yield exp_dir


def note_measured(folder, weights):
    """As stages 12 and 13 leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text").write_text("s-1 A\n")
    note_weights(folder, Digested.of(weights, weights.name))
    note_scored(folder, weights.parent.parent / "dump/dev/text", folder / "text")


def run_pack(exp_dir, out, *more):
    """Stage 14 from any folder, by an absolute path."""
    out.parent.mkdir(exist_ok=True)
    words = ["--exp_dir", exp_dir, "--model", "latest.pth", "--out", out, "--huggingface", out.parent / "huggingface",
             "--lang", "en", "--hf_license", "cc-by-4.0", "--corpora", "an4", *more]
    pack.main(pack.get_parser().parse_args([str(word) for word in words]))
    return out


@pytest.fixture(scope="module")
def packed(exp_dir, tmp_path_factory):
    """A folder with x.zip, pack and huggingface; options name paths of the machine."""
    folder = tmp_path_factory.mktemp("packed")
    run_pack(exp_dir, folder / "x.zip", "--option", f"init_from=/data/{FOLDER}/weights.pt", "--option", "seed=3",
             "--option", f"local_data_opts=--an4_dir '/home/{USER}/my {FOLDER}/an4' --other=~/{USER}/x --kept words")
    return folder


def test_stock_espnet_gives_our_logits_from_the_zip_and_from_the_hub_alone(exp_dir, packed, tmp_path):
    paths = list(read_table(exp_dir.parent / "dump/dev/wav.scp").values())
    hub = Hub()
    assert "published" in upload(packed, hub)
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_TOKEN": TOKEN,
                   "HOME": str(tmp_path)}
    command = [sys.executable, "-c", STOCK, json.dumps([str(packed / "x.zip"), "user/name"]), *paths]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    hub.shutdown()
    hub.server_close()
    assert result.returncode == 0, result.stderr[-2000:]
    recogniser = Recogniser.from_experiment(exp_dir, exp_dir / "latest.pth")
    waves = [torch.from_numpy(soundfile.read(path, dtype="float32")[0]) for path in paths]
    with torch.inference_mode():
        logits, lengths = recogniser.network.recognise(waves)
    found = json.loads(result.stdout.splitlines()[-1])
    assert len(found) == 2
    for stock in found:
        for ours, theirs in zip(logits.split(lengths), stock, strict=True):
            assert torch.allclose(ours, torch.tensor(theirs), atol=1e-4)


def test_the_model_zoos_downloader_loads_the_pack_from_a_local_path(packed, tmp_path):
    with pytest.warns(UserWarning, match="Expanding a local model"):
        files = ModelDownloader(tmp_path / "cache").download_and_unpack(str(packed / "x.zip"))
    assert set(files) == {"asr_model_file", "asr_train_config"}
    assert Path(files["asr_model_file"]).read_bytes() == (packed / "pack/exp/model.pth").read_bytes()
    assert yaml.safe_load(Path(files["asr_train_config"]).read_text())["encoder"] == "torchaudiohubert"


def test_a_pack_holds_no_folder_user_host_or_value_of_the_environment(exp_dir, packed):
    sought = [*TELLING.values(), HOST, USER, FOLDER, str(exp_dir), str(Path.home()), str(Path.cwd()), sys.prefix,
              os.environ["PATH"], "/tmp/", "dump/"]
    everything = [file for file in packed.rglob("*") if file.is_file()]
    assert len(everything) == 12 and traces(b"before" + "AN-Odd-User".encode("utf-16-be"), [USER])  # it does find them
    found = {str(file.relative_to(packed)): traces(file.read_bytes(), sought) for file in everything}
    assert {name: words for name, words in found.items() if words} == {}


def test_a_training_leaves_no_token_in_its_logs_records_and_weights(exp_dir):
    files = [file for file in exp_dir.rglob("*") if file.is_file()]
    assert len(files) > 10 and [file for file in files if traces(file.read_bytes(), [TELLING["HF_TOKEN"]])] == []


def test_the_same_model_makes_the_same_bytes_whenever_and_wherever_it_is_packed(exp_dir, packed, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.chdir(tmp_path)
    moved = shutil.copytree(exp_dir, tmp_path / "elsewhere" / exp_dir.name)
    first, second = (run_pack(folder, tmp_path / name / "x.zip") for folder, name in ((exp_dir, "a"), (moved, "b")))
    assert first.read_bytes() == second.read_bytes()
    files = [{path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*")
              if path.is_file()} for name in "ab"]
    assert files[0] == {name.relative_to("."): content for name, content in files[1].items()}


def test_the_card_says_what_the_model_is_made_of_and_what_it_reached(packed):
    card = (packed / "pack/README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    results = [result for entry in front.pop("model-index") for result in entry["results"]]
    assert [(result["dataset"]["split"], [metric["value"] for metric in result["metrics"]])
            for result in results] == [("dev", [50.0, 50.0])]
    assert front == {"language": "en", "license": "cc-by-4.0", "library_name": "espnet", "datasets": ["an4"],
                     "pipeline_tag": "automatic-speech-recognition",
                     "tags": ["espnet", "audio", "automatic-speech-recognition", "bl-just"], "metrics": ["wer", "cer"]}
    assert "| decode_greedy/dev | 2 | 50.0 (0.0 to 100.0) | 50.0 (0.0 to 100.0) |" in card
    command = ["./run.sh", "--init_from '<path>'", "--seed 3",
               "--local_data_opts '--an4_dir <path> --other=<path> --kept words'"]
    assert " \\\n    ".join(command) + "\n```" in card
    for words in ("Corpora: an4.", "| labelled | 0.00 |", "| unlabelled |", "gamma_max: 2.0", "version: `espnet 2026",
                  "## Intended use and limits", "arXiv:2401.06980", "Speech2Text.from_pretrained", "method `bljust`"):
        assert words in card
    assert "$" not in card


def test_a_text_with_a_folder_of_the_machine_or_a_token_is_not_packed(exp_dir, tmp_path):
    for text, words in ((f"made in {exp_dir}/x", "names a folder"), (f"{Path.home()}", "names a folder"),
                        (f"by {TOKEN}", "token"), (TELLING["HF_TOKEN"], "token")):
        with pytest.raises(InputError, match=f"README.md: .*{words}"):
            check_private([("README.md", text)], exp_dir)
    check_private([("README.md", f"{Path.home()}stead and hf_hub")], exp_dir)


def test_no_file_is_packed_as_a_sentencepiece_model_that_is_none(exp_dir, tmp_path):
    """Whoever's train.yaml it is: it cannot have a private file published."""
    (tmp_path / "private").write_text("mine")
    experiment = Experiment.read(exp_dir, exp_dir / "latest.pth")
    foreign = experiment._replace(settings=TrainingSettings(
        {**experiment.settings.written, "bpemodel": str(tmp_path / "private")}))
    with pytest.raises(InputError, match="private: not a SentencePiece model"):
        write_pack(foreign, tmp_path / "pack", {})
    assert not (tmp_path / "pack").exists()


def test_the_hugging_face_form_lies_beside_the_pack(packed):
    assert {path.name for path in (packed / "huggingface").iterdir()} == {
        "config.json", "model.safetensors", "preprocessor_config.json", "tokenizer_config.json", "tokens.txt",
        "vocab.json"}


def test_audio_shorter_than_a_frame_is_recognised_as_nothing(exp_dir):
    recogniser = Recogniser.from_experiment(exp_dir, exp_dir / "latest.pth")
    first, second = recogniser([torch.zeros(300), torch.randn(8000)])
    assert first.text == "" and first.ids == []
    assert recogniser([torch.randn(8000)])[0] is not None and isinstance(second.text, str)


def test_stock_espnet_normalises_audio_where_training_did():
    trunk = {**LARGE, "normalize": True}
    torch.manual_seed(0)
    network = JointNetwork(TrunkConfig.from_dict(trunk), SSLConfig(), 4).eval()
    settings = {"token_list": ["<blank>", "a", "b", "<sos/eos>"], "token_type": "char", "trunk_conf": trunk}
    stock = ASRTask.build_model(argparse.Namespace(**export_config(NetworkSettings.of(settings), None))).eval()
    left = stock.load_state_dict(to_espnet(network.state_dict()).state,
                                 strict=False)
    assert not left.unexpected_keys
    waves = [0.05 * torch.randn(size) + 0.1 for size in (9000, 6000)]
    with torch.no_grad():
        ours, lengths = network.recognise(waves)
        for wave, expected in zip(waves, ours.split(lengths), strict=True):
            hidden, _ = stock.encode(wave[None], torch.tensor([len(wave)]))
            torch.testing.assert_close(stock.ctc.ctc_lo(hidden)[0], expected, rtol=1e-4, atol=1e-4)
