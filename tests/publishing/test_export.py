"""Exports are loaded where this package cannot be imported, by the libraries themselves, and give our numbers."""

import json
import re
from pathlib import Path

import pytest
import soundfile
import torch

from espnet_bljust.bin import export
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.errors import InputError
from espnet_bljust.publishing import forms
from tests.helpers.exported import CORPORA, LARGE, elsewhere, make_experiment, real_recordings, recordings

PAGE = Path(__file__).parents[2] / "docs" / "weights.md"
KINDS = {"base": ("char", {}), "large": ("bpe", LARGE)}
READ = """
import numpy, soundfile, torch
folder, paths = sys.argv[1], sys.argv[2:]
waves = [soundfile.read(path, dtype="float32")[0] for path in paths]
def largest(tensor): return [float(tensor.sum()), float(tensor.abs().max()), list(tensor.shape)]
torch.set_grad_enabled(False)
out = {}
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """For each kind: network and experiment; and the audio of all tests."""
    root = tmp_path_factory.mktemp("export")
    for kind, (token_type, changes) in KINDS.items():
        make_experiment(root / kind, token_type, **changes)
    return root, recordings(root)


def run_export(exp_dir, to, out, head="ctc"):
    words = ["--exp_dir", exp_dir, "--to", to, "--out", out, "--head", head]
    export.main(export.get_parser().parse_args([str(word) for word in words]))


def ours(exp_dir, paths):
    """(logits, hidden, text) of each recording."""
    recogniser = Recogniser.from_experiment(exp_dir, exp_dir / "average.pth")
    results = []
    for path in paths:
        wave = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
        with torch.inference_mode():
            trunk = recogniser.network.trunk
            hidden = trunk.encode(trunk.extract([wave]))
            results.append((recogniser.network.ctc(hidden), hidden, recogniser([wave])[0].text))
    return results


def assert_same(mine, theirs):
    assert torch.allclose(mine, torch.tensor(theirs), rtol=0, atol=2e-5)


WORDS = {"base": "A BAD DAD", "large": "THE CAT"}
HUGGINGFACE = READ + f"WORDS = {WORDS}" + """
from transformers import AutoProcessor, AutoTokenizer, Wav2Vec2ForCTC, Wav2Vec2ForPreTraining, pipeline
for kind in ("base", "large"):
    tokenizer = AutoTokenizer.from_pretrained(f"{folder}/{kind}.ctc")
    ctc, report = Wav2Vec2ForCTC.from_pretrained(f"{folder}/{kind}.ctc", output_loading_info=True)
    pre, pre_report = Wav2Vec2ForPreTraining.from_pretrained(f"{folder}/{kind}.pre", output_loading_info=True)
    recognise = pipeline("automatic-speech-recognition", model=f"{folder}/{kind}.ctc")
    processor = AutoProcessor.from_pretrained(f"{folder}/{kind}.ctc")
    inputs = [processor(wave, sampling_rate=16000, return_tensors="pt").input_values for wave in waves]
    out[kind] = {
        "odd": [list(map(str, one[key])) for one in (report, pre_report)
                for key in ("missing_keys", "unexpected_keys", "mismatched_keys")],
        "logits": [ctc(one).logits[0].tolist() for one in inputs],
        "hidden": [pre.wav2vec2(one).last_hidden_state[0].tolist() for one in inputs],
        "codes": [pre.quantizer.codevectors.sum().item(), pre.project_hid.weight.sum().item()],
        "text": [recognise(wave)["text"] for wave in waves], "ids": tokenizer(WORDS[kind])["input_ids"],
    }
print(json.dumps(out))
"""


def test_hugging_face_loads_both_forms_whole_and_its_pipeline_gives_our_text(work, tmp_path):
    pytest.importorskip("transformers", reason="transformers is not installed: the extra `test`")
    root, paths = work
    for kind in KINDS:
        run_export(root / kind, "huggingface", tmp_path / f"{kind}.ctc")
        run_export(root / kind, "huggingface", tmp_path / f"{kind}.pre", "pretraining")
    theirs = elsewhere(HUGGINGFACE, tmp_path, *paths, cwd=tmp_path)
    for kind, result in theirs.items():
        assert result["odd"] == [[]] * 6
        mine = ours(root / kind, paths)
        for (logits, hidden, text), their_logits, their_hidden, their_text in zip(
                mine, result["logits"], result["hidden"], result["text"], strict=True):
            assert_same(logits, their_logits)
            assert_same(hidden, their_hidden)
            assert text == their_text and text
        recogniser = Recogniser.from_experiment(root / kind, root / kind / "average.pth")
        assert result["ids"] == recogniser.tokenizer.encode(WORDS[kind])
        head = recogniser.network.ssl_head
        assert result["codes"] == pytest.approx([float(head.quantizer.codevectors.sum()),
                                                 float(head.project_hidden.weight.sum())], rel=1e-5)


S3PRL = READ + """
from espnet2.asr.frontend.s3prl import S3prlFrontend
for kind in ("base", "large"):
    frontend = S3prlFrontend(frontend_conf={"upstream": "wav2vec2_custom", "path_or_url": f"{folder}/{kind}.pt"}).eval()
    hidden = [frontend(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))[0][0] for wave in waves]
    out[kind] = {"hidden": [one.tolist() for one in hidden], "size": frontend.output_size(),
                 "layers": frontend.upstream.num_layers}
print(json.dumps(out))
"""


@pytest.mark.slow
def test_espnets_s3prl_frontend_gives_our_hidden_frames(work, tmp_path):
    pytest.importorskip("s3prl", reason="espnet-s3prl is not installed: the extra `s3prl`")
    root, paths = work
    for kind in KINDS:
        run_export(root / kind, "fairseq", tmp_path / f"{kind}.pt", "pretraining")
    for kind, result in elsewhere(S3PRL, tmp_path, *paths, cwd=tmp_path).items():
        assert result["size"] == 36 and result["layers"] == 3
        for (_, hidden, _), theirs in zip(ours(root / kind, paths), result["hidden"], strict=True):
            assert_same(hidden, theirs[: len(hidden)])  # s3prl repeats the last frame to one each 320 samples


TORCHAUDIO = READ + """
import torchaudio
for kind in ("base", "large"):
    arguments = json.load(open(f"{folder}/{kind}.json"))["arguments"]
    model = torchaudio.models.wav2vec2_model(**arguments).eval()
    model.load_state_dict(torch.load(f"{folder}/{kind}.pt", weights_only=True))
    out[kind] = [model(torch.from_numpy(wave)[None])[0][0].tolist() for wave in waves]
print(json.dumps(out))
"""


@pytest.mark.parametrize("head", forms.HEADS)
def test_torchaudio_gives_our_logits_or_hidden_frames(work, tmp_path, head):
    root, paths = work
    for kind in KINDS:
        run_export(root / kind, "torchaudio", tmp_path / f"{kind}.pt", head)
    for kind, theirs in elsewhere(TORCHAUDIO, tmp_path, *paths, cwd=tmp_path).items():
        for (logits, hidden, _), result in zip(ours(root / kind, paths), theirs, strict=True):
            assert_same(logits if head == "ctc" else hidden, result)


STOCK = READ + """
from espnet2.bin.asr_inference import Speech2Text
for kind in ("base", "large"):
    model = Speech2Text.from_pretrained(f"{folder}/{kind}.zip", ctc_weight=1.0, beam_size=3)
    encoded = [model.asr_model.encode(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))[0] for wave in waves]
    logits = [model.asr_model.ctc.ctc_lo(hidden)[0] for hidden in encoded]
    best = [[token for token in one.argmax(-1).unique_consecutive().tolist() if token] for one in logits]
    last = len(model.asr_model.token_list) - 1
    out[kind] = {"logits": [one.tolist() for one in logits], "text": [model.tokenizer.tokens2text(
        model.converter.ids2tokens([token for token in ids if token != last])).strip() for ids in best]}
print(json.dumps(out))
"""


@pytest.mark.slow
def test_stock_espnet_gives_our_logits_and_text(work, tmp_path, monkeypatch):
    root, paths = work
    for kind in KINDS:
        monkeypatch.chdir(root / kind)  # a pack holds paths as they are seen from here
        if kind == "large":
            settings = (root / kind / "train.yaml").read_text().replace(str(root / kind) + "/", "")
            (root / kind / "train.yaml").write_text(settings)
        run_export(Path(), "espnet", Path("x.zip"))
        Path("x.zip").rename(tmp_path / f"{kind}.zip")
    theirs = elsewhere(STOCK, tmp_path, *paths, cwd=tmp_path)
    for kind, result in theirs.items():
        monkeypatch.chdir(root / kind)
        for (logits, _, text), their_logits, their_text in zip(
                ours(root / kind, paths), result["logits"], result["text"], strict=True):
            assert_same(logits, their_logits)
            assert text == their_text


def test_real_recordings_are_among_those_compared():
    if not real_recordings():
        pytest.skip(f"real recordings absent: {CORPORA}/librispeech holds none; generated audio was compared")


@pytest.mark.parametrize(("words", "named"), [
    (["--to", "torchaudio", "--out", "x"], "ends in .pt"), (["--to", "espnet", "--out", "x.pt"], "ends in .zip"),
    (["--to", "fairseq", "--out", "x.pt", "--model", "none.pth"], "none.pth: not found. Run stage 11"),
])
def test_a_wrong_name_is_told_before_anything_is_written(work, tmp_path, monkeypatch, words, named):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=named):
        export.main(export.get_parser().parse_args(["--exp_dir", str(work[0] / "base"), *words]))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_hugging_faces_is_left_alone_and_its_own_is_replaced(work, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    with pytest.raises(InputError, match="exists and is no Hugging Face directory"):
        run_export(work[0] / "base", "huggingface", tmp_path / "mine")
    assert (tmp_path / "mine/thesis.tex").read_text() == "x"
    for _ in range(2):
        run_export(work[0] / "base", "huggingface", tmp_path / "model")
    assert json.loads((tmp_path / "model/config.json").read_text())["architectures"] == ["Wav2Vec2ForCTC"]
    assert not (tmp_path / "model.tmp").exists()


SNIPPET = re.compile(r"<!-- snippet: (\w+) -->\n```python\n(.*?)```", re.DOTALL)
SNIPPETS = dict(SNIPPET.findall(PAGE.read_text(encoding="utf-8")))
SAID = {"huggingface": "recognise(wave)['text']", "torchaudio": "logits[0].tolist()", "fairseq": "features[0].tolist()",
        "espnet": "recognise.asr_train_args.encoder"}


@pytest.mark.parametrize("to", [pytest.param(to, marks=[pytest.mark.slow] * (to in ("espnet", "fairseq")))
                                for to in SAID])
def test_the_snippet_of_the_page_works_in_the_folder_of_its_file(work, tmp_path, monkeypatch, to):
    root, paths = work
    monkeypatch.chdir(root / "base")
    out = f"{to}{forms.FORMS[to]}"
    run_export(Path(), to, Path(out), "pretraining" if to == "fairseq" else "ctc")
    for path in Path().glob(f"{to}*"):
        path.rename(tmp_path / path.name)
    (tmp_path / "audio.wav").write_bytes(Path(paths[0]).read_bytes())
    said = elsewhere(f"{SNIPPETS[to]}\nprint(json.dumps({SAID[to]}))", cwd=tmp_path)
    logits, hidden, text = ours(root / "base", paths[:1])[0]
    if to == "huggingface":
        assert said == text
    elif to == "espnet":
        assert said == "torchaudiohubert"
    else:
        assert_same(logits if to == "torchaudio" else hidden, said[: len(hidden)])
