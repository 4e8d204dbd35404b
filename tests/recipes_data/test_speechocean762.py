"""egs2/speechocean762/bljust/local/data.py on the real training half, and on small trees in the corpus's layout."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.kaldi.directory import read_dir

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/speechocean762/bljust"
CORPUS = ROOT.parent / "shared/corpora/speechocean762"
SETS = ("train", "dev", "test")


def run_data(folder, *words):
    """Stage 1 in ``folder``: the finished process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(RECIPE / "local/data.py"), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write_audio(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 4000), 16000, subtype="PCM_16", format="WAV")


@pytest.fixture
def corpus(tmp_path):
    """Both halves: 16 speakers with two utterances each to train on, three to test."""
    root = tmp_path / "speechocean762"
    for half, speakers in (("train", range(1, 17)), ("test", (20, 21, 22))):
        tables = {"wav.scp": "", "text": "", "utt2spk": ""}
        for key in (f"0{speaker:04d}00{number}1" for speaker in speakers for number in (1, 2)):
            path = f"WAVE/SPEAKER{key[1:5]}/{key}.WAV"
            write_audio(root / path, int(key))
            values = (path, "WE CALL IT BEAR", key[1:5])
            tables = {name: text + f"{key}\t{value}\n" for (name, text), value in
                      zip(tables.items(), values, strict=True)}
        (root / half).mkdir()
        for name, text in tables.items():
            (root / half / name).write_text(text)
    return root


def speakers_of(folder):
    return {name: set(read_dir(folder / "data" / name, require_text=True).utt2spk.values()) for name in SETS}


def test_the_official_halves_with_every_eighth_training_speaker_as_dev(corpus, tmp_path):
    done = run_data(tmp_path, "--speechocean762_dir", corpus)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("train 28 utterances, 14 speakers; dev 4 utterances, 2 speakers; test 6 utterances, ")
    speakers = speakers_of(tmp_path)
    assert speakers["dev"] == {"0001", "0009"} and speakers["test"] == {"0020", "0021", "0022"}
    assert read_dir(tmp_path / "data/test").wavs["000200011"] == str(corpus / "WAVE/SPEAKER0020/000200011.WAV")


@pytest.mark.parametrize("tree", ["generated", "real"])
def test_no_speaker_is_in_two_sets_of_the_training_half(tree, corpus, tmp_path):
    if tree == "real":
        if not CORPUS.is_dir():
            pytest.skip("no speechocean762 beside the repository")
        corpus = CORPUS
    done = run_data(tmp_path, "--speechocean762_dir", corpus, "--split", "speakers")
    assert done.returncode == 0, done.stderr
    speakers = speakers_of(tmp_path)
    everybody = {line.split()[1] for line in (corpus / "train/utt2spk").read_text().splitlines()}
    assert set().union(*speakers.values()) == everybody and sum(map(len, speakers.values())) == len(everybody)
    assert [len(speakers[name]) for name in SETS] == ([62, 16, 47] if tree == "real" else [8, 2, 6])


def test_unlabelled_audio_of_dev_and_test_speakers_is_left_out(corpus, tmp_path):
    pool = tmp_path / "pool"
    for speaker in ("0001", "0002", "0020", "9600"):
        write_audio(pool / f"SPEAKER{speaker}/x.wav", int(speaker))
    done = run_data(tmp_path, "--speechocean762_dir", corpus, "--unlabelled_dir", pool)
    assert done.returncode == 0, done.stderr
    kept = read_dir(tmp_path / "data/unlabelled").utt2spk.values()
    assert set(kept) == {"unlabelled_SPEAKER0002", "unlabelled_SPEAKER9600"}


def damage(corpus):
    """Four offenders: audio gone, empty, of another rate; a transcript gone."""
    folder = corpus / "WAVE/SPEAKER0002"
    (folder / "000020011.WAV").unlink()
    (folder / "000020021.WAV").write_bytes(b"")
    soundfile.write(corpus / "WAVE/SPEAKER0003/000030011.WAV", np.zeros(4000), 8000, format="WAV")
    text = corpus / "train/text"
    text.write_text("".join(text.read_text().splitlines(keepends=True)[1:]))
    return ("000020011.WAV: no such", "000020021.WAV: an empty", "000030011.WAV: 8000 Hz", "000010011")


def test_damage_ends_in_one_line_and_a_list_of_every_offender(corpus, tmp_path):
    expected = damage(corpus)
    done = run_data(tmp_path, "--speechocean762_dir", corpus)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "4 problems" in done.stderr and "All of them: data/speechocean762_problems.txt." in done.stderr
    listed = (tmp_path / "data/speechocean762_problems.txt").read_text()
    assert listed.count("\n") == 4 and all(part in listed for part in expected), listed
    assert not (tmp_path / "data/train").exists()


def test_a_missing_half_is_named_with_the_way_round(corpus, tmp_path):
    (corpus / "test/wav.scp").unlink()
    done = run_data(tmp_path, "--speechocean762_dir", corpus)
    assert done.returncode == 1 and "no test/wav.scp" in done.stderr and "--split speakers" in done.stderr
    assert run_data(tmp_path, "--speechocean762_dir", corpus, "--split", "speakers").returncode == 0
