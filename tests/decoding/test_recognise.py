"""`recognise` for people: any audio, any model, three forms of output; what cannot be read is named."""

import json
import sys

import numpy as np
import pytest
import soundfile
import torch
import yaml

from espnet_bljust.bin import pack
from espnet_bljust.bin.recognise import get_parser, main
from espnet_bljust.command import run
from espnet_bljust.data.audio.recording import BLOCK_SECONDS, open_recording, resampled
from espnet_bljust.decoding.recogniser import Recogniser
from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.planning import limits
from espnet_bljust.planning.speed import Rates
from tests.helpers import experiment


@pytest.fixture(scope="module")
def exp_dir(tmp_path_factory):
    """Random weights; the CTC head says more in noise than in silence."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "measure", lambda *_: Rates(0.1, 0.1))
        exp_dir = experiment.make_experiment(tmp_path_factory.mktemp("recognise"))
    settings = yaml.safe_load((exp_dir / "train.yaml").read_text())
    network = JointNetwork(TrunkConfig.from_dict(settings["trunk_conf"]), SSLConfig.from_dict(settings["ssl_conf"]),
                           len(settings["token_list"]))
    state = network.state_dict()
    state["ctc.ctc_lo.weight"] *= 30
    torch.save({f"network.{name}": value for name, value in state.items()}, exp_dir / "average.pth")
    (exp_dir / "config.yaml").write_text("{}")
    return exp_dir


@pytest.fixture(scope="module")
def packed(exp_dir):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(exp_dir)
        pack.main(pack.get_parser().parse_args(["--exp_dir", ".", "--model", "average.pth", "--out", "x.zip"]))
    return exp_dir / "x.zip"


@pytest.fixture
def noise(tmp_path):
    """Three seconds at 16 kHz, and the same at other rates, channels and formats."""
    samples = 0.1 * np.random.default_rng(0).standard_normal(48000)
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    soundfile.write(tmp_path / "b.flac", np.stack([samples, samples], 1), 16000)
    return tmp_path


def read_mono(path):
    with open_recording(path) as blocks:
        return np.concatenate(list(blocks))


def recognise(*words, code=0):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["recognise", *map(str, words)])
        if code == 0:
            return run(get_parser(), main)
        with pytest.raises(SystemExit) as caught:
            run(get_parser(), main)
        assert caught.value.code == code


def test_a_pack_and_its_experiment_hear_the_same(exp_dir, packed):
    wave = [torch.randn(9000), torch.randn(300)]
    ours, theirs = Recogniser.from_pretrained(str(exp_dir)), Recogniser.from_pretrained(str(packed))
    for one, other in zip(ours.log_probabilities(wave), theirs.log_probabilities(wave), strict=True):
        assert torch.equal(one, other)
    assert [one.text for one in ours(wave)] == [one.text for one in theirs(wave)]


def test_a_pack_that_lacks_or_adds_a_tensor_is_refused(packed, tmp_path):
    import zipfile

    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "pack")
    (weights,) = (tmp_path / "pack").rglob("*.pth")
    state = torch.load(weights, weights_only=True)
    torch.save({**state, "decoder.x": torch.zeros(1)}, weights)
    with pytest.raises(InputError, match="has decoder.x, which is no part"):
        Recogniser.from_pretrained(str(tmp_path / "pack"))
    state.pop("ctc.ctc_lo.bias")
    torch.save(state, weights)
    with pytest.raises(InputError, match="weights and configuration differ.*ctc_lo.bias"):
        Recogniser.from_pretrained(str(tmp_path / "pack"))


@pytest.mark.parametrize("kind", ["text", "folder", "other", "name"])
def test_what_is_no_model_is_named(kind, tmp_path):
    path = tmp_path / "x.zip"
    if kind == "text":
        path.write_text("no zip")
    elif kind == "folder":
        path.mkdir()
    elif kind == "other":
        path.mkdir()
        (path / "meta.yaml").write_text("{files: {asr_model_file: m.pth}, yaml_files: {asr_train_config: c.yaml}}")
        (path / "c.yaml").write_text("{encoder: conformer, encoder_conf: {}, token_list: []}")
    with pytest.raises(InputError, match=r"x\.zip: "):
        Recogniser.from_pretrained(str(path))


def test_a_name_on_a_hub_is_fetched_whether_it_holds_a_zip_or_its_content(packed, tmp_path, monkeypatch):
    """The download itself is huggingface_hub's; a folder stands in for what it brings."""
    import shutil
    import zipfile

    import huggingface_hub

    monkeypatch.chdir(tmp_path)
    for kind in ("zipped", "unpacked"):
        (tmp_path / kind).mkdir()
        monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, kind=kind, **_: str(tmp_path / kind))
        if kind == "zipped":
            shutil.copy(packed, tmp_path / kind)
        else:
            zipfile.ZipFile(packed).extractall(tmp_path / kind)
        assert Recogniser.from_pretrained("someone/model").token_list == experiment.TOKENS


def test_a_name_that_is_nowhere_is_named(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="nobody/nothing: neither here nor on a hub") as caught:
        Recogniser.from_pretrained("nobody/nothing")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="exp/none/here: no such file or folder"):
        Recogniser.from_pretrained("exp/none/here")


def test_ffmpeg_reads_what_libsndfile_cannot(noise, monkeypatch):
    """A stand-in for ffmpeg writes a wav file to its standard output, as asked."""
    (noise / "video's.mkv").write_bytes(b"something else")
    monkeypatch.setenv("PATH", str(noise))  # without an ffmpeg of this machine
    with pytest.raises(InputError, match="unreadable"):
        read_mono(str(noise / "video's.mkv"))
    program = noise / "bin/ffmpeg"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ -f "${{7#file:}}" ] && cat {noise}/a.wav\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert len(read_mono(str(noise / "video's.mkv"))) == 48000


def test_channels_are_averaged_and_rates_changed(noise):
    assert np.allclose(read_mono(str(noise / "a.wav")), read_mono(str(noise / "b.flac")), atol=1e-4)
    soundfile.write(noise / "c.wav", np.zeros((44100, 3)), 44100)
    assert len(read_mono(str(noise / "c.wav"))) == 16000


def test_text_json_and_srt_say_the_same(exp_dir, noise, capsys):
    recognise("--model", exp_dir, noise / "a.wav")
    text = capsys.readouterr().out.strip()
    recognise("--model", exp_dir, "--format", "json", noise / "a.wav")
    found = json.loads(capsys.readouterr().out)
    assert text and found["text"] == text and found["seconds"] == 3.0
    assert " ".join(word["word"] for word in found["words"]).split() == text.split()
    ends = [0.0] + [word["end"] for word in found["words"]]
    assert all(0 <= end <= word["start"] + 1e-6 and word["start"] < word["end"] <= 3.0 and 0 <= word["confidence"] <= 1
               for end, word in zip(ends, found["words"], strict=False))  # fmt: skip
    recognise("--model", exp_dir, "--format", "srt", noise / "a.wav")
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(line for line in lines if line and not line.isdigit() and "-->" not in line).split() == text.split()


def test_files_that_cannot_be_read_are_named_and_the_others_go_on(exp_dir, noise, capsys):
    (noise / "bad.wav").write_text("no audio")
    out = noise / "out"
    recognise("--model", exp_dir, "--out_dir", out, noise / "bad.wav", noise / "a.wav", noise / "none.wav", code=1)
    err = capsys.readouterr().err.splitlines()
    assert [line for line in err if line.startswith("error: ")][0].startswith(f"error: {noise}/bad.wav: ")
    assert f"error: {noise}/none.wav: no such file. Check the name." in err
    assert err[-1] == "2 of 3 recordings failed"
    assert [path.name for path in out.iterdir()] == ["a.txt"]


def test_several_texts_are_told_apart(exp_dir, noise, capsys):
    recognise("--model", exp_dir, noise / "a.wav", noise / "b.flac")
    first, second = capsys.readouterr().out.splitlines()
    assert first.split("\t")[0] == str(noise / "a.wav") and second.split("\t")[0] == str(noise / "b.flac")


def test_outputs_that_would_mix_are_refused_before_the_work(noise, capsys):
    recognise("--model", "x", "--format", "srt", "a.wav", "b.wav", code=1)
    recognise("--model", "x", "--out_dir", noise, "u/a.wav", "v/a.flac", code=1)
    recognise("--model", "x", "--window_seconds", "0.1", "a.wav", code=1)
    err = capsys.readouterr().err.splitlines()
    assert [name in line for name, line in zip(("--out_dir", "are called a", "--window_seconds"), err, strict=True)]


def test_audio_of_no_length_to_speak_of_is_silence(exp_dir):
    transcript = Recogniser.from_pretrained(exp_dir).recognise(np.zeros(200, np.float32), 16000)
    assert transcript.text == "" and transcript.words == []


def test_a_long_recording_gives_the_words_of_its_parts(monkeypatch, exp_dir):
    """A network stands in that hears a token a tone: what is tested is the cutting. No word is lost or doubled."""
    recogniser = Recogniser.from_pretrained(str(exp_dir))
    frequency = {3: 500.0, 4: 1000.0, 5: 2000.0}  # A, B, C of the experiment's list

    def hear(waves):
        found = []
        for wave in waves:
            frames = wave[: (len(wave) - 80) // 320 * 320].reshape(-1, 320)
            spectrum = torch.fft.rfft(frames).abs()
            scores = torch.full((len(frames), 7), -9.0)
            scores[:, 0] = -2.0
            for token, hertz in frequency.items():
                scores[:, token] += spectrum[:, round(hertz / 50)]
            loud = torch.nn.functional.pad(spectrum.sum(1) > 5, (3, 0))
            scores[:, 2] += 9.0 * (loud[:-3] & ~loud[1:-2] & ~loud[2:-1] & ~loud[3:])  # <space> behind three of silence
            found.append(scores.log_softmax(-1))
        return found

    monkeypatch.setattr(recogniser, "log_probabilities", hear)
    rng = np.random.default_rng(3)
    tone = {token: 0.3 * np.sin(2 * np.pi * hertz * np.arange(3200) / 16000) for token, hertz in frequency.items()}
    parts, said = [], []
    for _ in range(120):
        word = rng.choice(list(frequency), rng.integers(1, 4))
        for token in word:
            parts += [tone[token], np.zeros(320)]
        parts.append(np.zeros(320 * int(rng.integers(6, 60))))
        said.append("".join("ABC"[token - 3] for token in word))
    samples = np.concatenate(parts).astype(np.float32)
    for window_seconds in (3.0, 20.0, 1000.0):
        transcript = recogniser.recognise_blocks(np.array_split(samples, 7), window_seconds)
        assert transcript.text.split() == [word.word for word in transcript.words] == said
        starts = [word.start_seconds for word in transcript.words]
        assert starts == sorted(starts) and transcript.words[-1].end_seconds <= len(samples) / 16000


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_resampling_block_by_block_is_resampling_the_whole(rate):
    from espnet_bljust.data.audio.resample import resample

    samples = np.random.default_rng(1).standard_normal(3 * rate + 17).astype(np.float32)
    for size in (rate // 3, 20_011, 10**6):
        found = np.concatenate(list(resampled(np.split(samples, range(size, len(samples), size)), rate)))
        assert np.allclose(found, resample(samples, rate, 16000), rtol=0, atol=1e-6)


def test_what_is_held_of_a_recording_does_not_grow_with_its_length(tmp_path):
    """Two and ten minutes of 22.05 kHz stereo, through windows: peaks of what numpy and Python allocate."""
    import tracemalloc

    from espnet_bljust.decoding.windows import windows

    peaks = []
    for minutes in (2, 10):
        path = tmp_path / f"{minutes}.wav"
        noise = np.random.default_rng(0).integers(-9999, 9999, (60 * 22050, 2)).astype(np.int16)
        with soundfile.SoundFile(path, "w", 22050, 2) as file:
            for _ in range(minutes):
                file.write(noise)
        tracemalloc.start()
        with open_recording(str(path)) as blocks:
            assert len(blocks) == minutes * 60 // BLOCK_SECONDS
            assert sum(window.keep or 0 for window in windows(blocks, 20.0, TrunkConfig())) > 50 * 50 * minutes
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0] < 100e6


@pytest.mark.parametrize("damage", ["cut wav", "cut flac", "not finite", "empty"])
def test_a_recording_that_turns_out_damaged_is_named_and_gives_no_text(exp_dir, tmp_path, damage, monkeypatch, capsys):
    samples = 0.1 * np.random.default_rng(0).standard_normal(16000 * 5)
    path = tmp_path / f"x.{'flac' if 'flac' in damage else 'wav'}"
    if damage == "not finite":
        samples[70_000] = np.nan
    soundfile.write(path, samples[: 0 if damage == "empty" else None], 16000,
                    subtype="FLOAT" if damage == "not finite" else "PCM_16")
    if "cut" in damage:
        path.write_bytes(path.read_bytes()[:-50_000])
    recognise("--model", exp_dir, path, code=1)
    out, err = capsys.readouterr()
    assert out == "" and [f"error: {path}: " in line for line in err.splitlines()].count(True) == 1
