"""egs2/an4/bljust/local/data.py on the real corpus, and on small trees in its layout, in all four forms."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.kaldi.directory import read_dir

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/an4/bljust"
CORPUS = ROOT.parent / "shared/corpora/an4"
SPEECH = {  # utterance of the small tree: its set
    "fash-an251-b": "train",
    "fash-an253-b": "train",
    "mblw-cen1-b": "dev",
    "fcaw-an406-b": "test",
}


def run_data(folder, *words):
    """Stage 1 in ``folder``: the finished process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(RECIPE / "local/data.py"), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def samples_of(utterance):
    """A tone with noise of about 0.2 s, other for each utterance; int16."""
    generator = np.random.default_rng(sorted(SPEECH).index(utterance))
    time = np.arange(int(generator.integers(3000, 4000)))
    return (8000 * np.sin(0.05 * time) + generator.normal(0, 100, len(time))).astype(np.int16)


def write_tree(root, form):
    """AN4's layout with SPEECH in it; also the list of lengths beside it."""
    lines = {"train": [], "test": []}
    for utterance, set_name in SPEECH.items():
        speaker, prefix, suffix = utterance.split("-")
        half = "test" if set_name == "test" else "train"
        path = root / "wav" / {"test": "an4test_clstk", "train": "an4_clstk"}[half] / speaker
        path.mkdir(parents=True, exist_ok=True)
        write_audio(path / f"{prefix}-{speaker}-{suffix}{form}", samples_of(utterance))
        words = "ENTER ONE" if half == "test" else "<s> ENTER ONE </s>"
        lines[half].append(f"{words} ({prefix}-{speaker}-{suffix})\n")
    (root / "etc").mkdir()
    for half, transcripts in lines.items():
        (root / "etc" / f"an4_{half}.transcription").write_text("".join(transcripts))
    rows = [f"{utterance}\t{name}\t{len(samples_of(utterance))}\n" for utterance, name in SPEECH.items()]
    (root.parent / "samples.tsv").write_text("utterance\tset\tsamples\n" + "".join(rows))
    return root


def write_audio(path, samples):
    if path.suffix in {".raw", ".raw_little"}:
        path.with_suffix(".raw").write_bytes(samples.astype(">i2" if path.suffix == ".raw" else "<i2").tobytes())
    elif path.suffix == ".sph":
        fields = f"sample_count -i {len(samples)}\nsample_rate -i 16000\nchannel_count -i 1\nsample_n_bytes -i 2\n"
        header = f"NIST_1A\n   1024\n{fields}sample_byte_format -s2 01\nsample_coding -s3 pcm\nend_head\n"
        path.write_bytes(header.encode().ljust(1024) + samples.astype("<i2").tobytes())
    else:
        soundfile.write(path, samples, 16000, subtype="PCM_16")


def made(folder):
    """Everything stage 1 says, with the samples in the place of their paths."""
    result = {}
    for name in ("train", "dev", "test"):
        directory = read_dir(folder / "data" / name, require_text=True)
        audio = {key: read_audio(str(folder / path))[0].tobytes() for key, path in directory.wavs.items()}
        result[name] = (directory.text, directory.utt2spk, audio)
    return result


@pytest.mark.parametrize("form", [".flac", ".wav", ".sph", ".raw", ".raw_little"])
def test_every_form_of_an4_gives_the_same_data_and_the_same_samples(tmp_path, form):
    write_tree(tmp_path / "an4", form)
    done = run_data(tmp_path, "--an4_dir", "an4", "--samples_list", "samples.tsv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("train 2 utterances, 1 speakers, 0.00 h; dev 1 ")
    found = made(tmp_path)
    for name, (text, utt2spk, audio) in found.items():
        due = [utterance for utterance, set_name in SPEECH.items() if set_name == name]
        assert text == dict.fromkeys(due, "ENTER ONE")
        assert utt2spk == {utterance: utterance.split("-")[0] for utterance in due}
        assert audio == {utterance: (samples_of(utterance) / np.float32(32768)).tobytes() for utterance in due}


def test_running_again_changes_nothing(tmp_path):
    write_tree(tmp_path / "an4", ".raw")
    (tmp_path / "db.sh").write_text(f"AN4={tmp_path}\n")
    contents = []
    for _ in range(2):
        assert run_data(tmp_path, "--samples_list", "samples.tsv").returncode == 0
        contents.append({path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("form", [".flac", ".wav", ".sph", ".raw"])
def test_missing_cut_and_empty_recordings_are_listed_and_nothing_is_made(tmp_path, form):
    root = write_tree(tmp_path / "an4", form)
    folder = root / "wav/an4_clstk/fash"
    (folder / f"an251-fash-b{form}").unlink()
    cut = folder / f"an253-fash-b{form}"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 4 * 2])
    (root / f"wav/an4_clstk/mblw/cen1-mblw-b{form}").write_bytes(b"")
    done = run_data(tmp_path, "--an4_dir", "an4", "--samples_list", "samples.tsv")
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert "3 problems with the 4 recordings" in done.stderr
    listed = (tmp_path / "data/an4_problems.txt").read_text().splitlines()
    assert [name in line for name, line in zip(["an251-fash-b", "an253-fash-b", "cen1-mblw-b"], listed, strict=True)]
    assert not (tmp_path / "data/train").exists()


def test_recording_of_another_length_and_transcript_without_recording_are_listed(tmp_path):
    root = write_tree(tmp_path / "an4", ".wav")
    write_audio(root / "wav/an4_clstk/fash/an251-fash-b.wav", samples_of("fash-an251-b")[:-1])
    with (root / "etc/an4_test.transcription").open("a") as file:
        file.write("YES (cen9-fcaw-b)\n")
    done = run_data(tmp_path, "--an4_dir", "an4", "--samples_list", "samples.tsv")
    assert "2 problems" in done.stderr
    listed = (tmp_path / "data/an4_problems.txt").read_text()
    count = len(samples_of("fash-an251-b"))
    assert f"{count - 1} samples at 16000 Hz, not {count}" in listed
    assert "fcaw-cen9-b: not an utterance of AN4's list" in listed


@pytest.mark.parametrize("line", [b"<s> YES </s>\n", b"caf\xe9\n", None])
def test_transcript_line_that_is_none_or_comes_twice_is_named_by_file_and_line(tmp_path, line):
    root = write_tree(tmp_path / "an4", ".wav")
    path = root / "etc/an4_train.transcription"
    with path.open("ab") as file:
        file.write(line or path.read_bytes().splitlines(keepends=True)[0])
    done = run_data(tmp_path, "--an4_dir", "an4", "--samples_list", "samples.tsv")
    assert done.returncode == 1 and done.stderr.strip().count("\n") == 0
    assert "etc/an4_train.transcription:4: " in done.stderr


def test_folder_that_is_not_an4_is_named(tmp_path):
    done = run_data(tmp_path, "--an4_dir", tmp_path)
    assert done.returncode == 1
    assert "no etc/an4_train.transcription in it" in done.stderr


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}")
def test_the_real_corpus_has_all_its_utterances_and_disjoint_speakers(tmp_path):
    done = run_data(tmp_path, "--an4_dir", CORPUS)
    assert done.returncode == 0, done.stderr
    sets = {name: read_dir(tmp_path / "data" / name, require_text=True) for name in ("train", "dev", "test")}
    assert {name: len(directory.wavs) for name, directory in sets.items()} == {"train": 848, "dev": 100, "test": 130}
    speakers = [set(directory.utt2spk.values()) for directory in sets.values()]
    assert len(set.union(*speakers)) == sum(map(len, speakers)) == 84
    words = {word for directory in sets.values() for line in directory.text.values() for word in line.split()}
    assert not {word for word in words if not word.isalpha()}


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}")
def test_real_speech_in_headerless_form_keeps_its_samples_in_both_byte_orders(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(RECIPE / "local"))
    from an4 import read_raw

    for path in sorted(CORPUS.glob("wav/*/*/*.flac"))[::25]:
        samples, _ = soundfile.read(path, dtype="int16")
        for form in (".raw", ".raw_little"):
            write_audio(tmp_path / f"x{form}", samples)
            assert np.array_equal(read_raw(tmp_path / "x.raw"), samples), path
