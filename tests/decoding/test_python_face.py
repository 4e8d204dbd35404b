"""`espnet_bljust.Recogniser` for users of Python: from whatever people have, audio of any form, one result."""

import json
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
import soundfile
import torch

from espnet_bljust import Recogniser
from espnet_bljust.bin import export
from espnet_bljust.decoding.recognition import Hypothesis, joined
from espnet_bljust.decoding.search_settings import SearchSettings
from espnet_bljust.errors import InputError
from tests.helpers.exported import LARGE, TRUNK, make_experiment, real_recordings, recordings

KINDS = {"char": {}, "bpe": LARGE}
PEER_TRUNK = {
    "hidden_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40,
    "conv_dim": [layer[0] for layer in TRUNK["conv_layers"]],
    "conv_kernel": [layer[1] for layer in TRUNK["conv_layers"]],
    "conv_stride": [layer[2] for layer in TRUNK["conv_layers"]], "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4, "num_feat_extract_layers": 7,
}  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """An experiment of each token type, with its Hugging Face form and its zip; and audio."""
    root = tmp_path_factory.mktemp("face")
    for token_type, changes in KINDS.items():
        make_experiment(root / token_type, token_type, **changes)
        for to, out in (("huggingface", f"{token_type}.hf"), ("espnet", f"{token_type}.zip")):
            words = ["--exp_dir", root / token_type, "--to", to, "--out", root / out]
            export.main(export.get_parser().parse_args([str(word) for word in words]))
    return root, recordings(root)


def test_the_package_itself_brings_no_torch():
    program = "import espnet_bljust, sys; print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("token_type", KINDS)
def test_an_experiment_its_pack_and_its_hugging_face_folder_hear_the_same(work, token_type):
    root, paths = work
    forms = [Recogniser.from_pretrained(root / f"{token_type}{ending}") for ending in ("", ".zip", ".hf")]
    for path in paths:
        first, *others = (form.recognise(path) for form in forms)
        assert first.text and first.seconds == pytest.approx(soundfile.info(path).duration)
        for other in others:
            assert other.text == first.text and other.nbest[0].ids == first.nbest[0].ids
            assert [word.word for word in other.words] == [word.word for word in first.words]
            assert other.nbest[0].score == pytest.approx(first.nbest[0].score, abs=1e-3)


@pytest.mark.parametrize("pad", [0, 7])
@pytest.mark.parametrize("stable", [False, True])
def test_a_folder_that_transformers_wrote_gives_the_text_of_transformers(tmp_path, work, pad, stable):
    """Random weights of Wav2Vec2ForCTC, its padding token first as in base-960h or last as in many others."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: the extra `test`")
    names = ["<s>", "</s>", "<unk>", "|", "A", "B", "E"]
    names.insert(pad, "<pad>")
    (tmp_path / "vocab.json").write_text(json.dumps({name: index for index, name in enumerate(names)}))
    torch.manual_seed(1)
    network = transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(
        vocab_size=8, pad_token_id=pad, do_stable_layer_norm=stable, conv_bias=stable,
        feat_extract_norm="layer" if stable else "group", **PEER_TRUNK)).eval()
    torch.nn.init.normal_(network.lm_head.weight)
    processor = transformers.Wav2Vec2Processor(
        transformers.Wav2Vec2FeatureExtractor(do_normalize=stable, return_attention_mask=stable),
        transformers.Wav2Vec2CTCTokenizer(tmp_path / "vocab.json"))
    network.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    ours = Recogniser.from_pretrained(tmp_path / "model")
    for path in work[1]:
        wave = soundfile.read(path, dtype="float32")[0]
        with torch.inference_mode():
            logits = network(processor(wave, sampling_rate=16000, return_tensors="pt").input_values).logits[0]
        found = ours.log_probabilities([torch.from_numpy(wave)])[0]
        order = [pad, *(index for index in range(8) if index != pad)]
        assert torch.allclose(found, logits.log_softmax(-1)[:, order], rtol=0, atol=1e-4)
        text = processor.decode(logits.argmax(-1)).replace("<s>", "").replace("</s>", "")
        assert ours.recognise(path).text == text.strip() and text.strip()


@pytest.mark.parametrize(("change", "message"), [
    ({"model_type": "hubert"}, r"config\.json: model_type is 'hubert', not wav2vec2"),
    ({"hidden_act": "relu"}, r"config\.json: does not describe such a network \(hidden_act is 'relu'"),
    ({"pad_token_id": 99}, r"config\.json: pad_token_id 99 is none of 9 tokens"),
])
def test_a_folder_of_another_network_is_named(work, tmp_path, change, message):
    folder = tmp_path / "x"
    folder.mkdir()
    for file in (work[0] / "char.hf").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(InputError, match=message):
        Recogniser.from_pretrained(folder)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_samples_of_any_rate_and_channels_are_heard_as_their_file(work, tmp_path, rate):
    root, _ = work
    recogniser = Recogniser.from_pretrained(root / "char")
    samples = 0.1 * np.random.default_rng(2).standard_normal((2 * rate, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    from_file = recogniser.recognise(tmp_path / "a.wav")
    for given in (samples, torch.from_numpy(samples), samples.mean(1)):
        assert recogniser.recognise(given, rate) == from_file
    assert from_file.seconds == 2.0 and from_file.text


@pytest.mark.parametrize(("samples", "rate", "message"), [
    (np.zeros(9, np.int16), 16000, "type int16"), (np.zeros((1, 1, 9)), 16000, "of shape"),
    (np.zeros(9), None, "need their sampling rate"), (np.full(9, np.nan), 16000, "not all finite"),
])  # fmt: skip
def test_samples_that_are_no_audio_are_refused(work, samples, rate, message):
    with pytest.raises(InputError, match=message):
        Recogniser.from_pretrained(work[0] / "char").recognise(samples, rate)


def test_what_a_file_lacks_of_its_header_is_told(work, tmp_path):
    recogniser = Recogniser.from_pretrained(work[0] / "char")
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(48000), 16000)
    assert recogniser.recognise(tmp_path / "a.wav").short_seconds == 0
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-1280])  # 40 ms of 16-bit samples
    found = recogniser.recognise(tmp_path / "a.wav")
    assert found.short_seconds == pytest.approx(0.04) and found.seconds == pytest.approx(2.96) and found.text


def test_the_n_best_are_in_order_and_the_first_is_the_text(work):
    root, paths = work
    recogniser = Recogniser.from_pretrained(root / "char")
    recogniser.search_by(SearchSettings(search="beam", nbest=5))
    found = recogniser.recognise(paths[0])
    scores = [hypothesis.score for hypothesis in found.nbest]
    assert len(scores) == 5 and scores == sorted(scores, reverse=True) and found.nbest[0].text == found.text
    assert len({tuple(hypothesis.ids) for hypothesis in found.nbest}) == 5


def test_stretches_joined_give_the_best_of_all_combinations():
    rng = np.random.default_rng(0)
    stretches = [[Hypothesis(f"{place}{rank}", [], [place, rank], score) for rank, score in
                  enumerate(sorted(rng.normal(size=3), reverse=True))] for place in range(4)]
    expected = sorted(product(*stretches), key=lambda row: -sum(one.score for one in row))[:5]
    found = [Hypothesis("", [], [], 0.0)]
    for stretch in stretches:
        found = joined(found, stretch, 5)
    assert [one.text for one in found] == [" ".join(part.text for part in row) for row in expected]


def test_real_speech_has_words_in_order_within_the_recording(work):
    real = real_recordings()
    if not real:
        pytest.skip("no real speech here: put LibriSpeech below ../shared/corpora, or set BLJUST_CORPORA")
    found = Recogniser.from_pretrained(work[0] / "bpe.zip").recognise(real[0])
    assert " ".join(word.word for word in found.words) == found.text
    times = [time for word in found.words for time in (word.start_seconds, word.end_seconds)]
    assert times == sorted(times) and 0 <= times[0] and times[-1] <= found.seconds
    assert all(0 <= word.confidence <= 1 for word in found.words)
