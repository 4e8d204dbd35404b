"""egs2/ravdess/bljust/local/data.py: folds over actors of a generated corpus, the real excerpt, damaged copies."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.kaldi.directory import read_dir

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/ravdess/bljust"
CORPUS = ROOT.parent / "shared/corpora/ravdess"
SETS = ("train", "dev", "test")


@pytest.fixture
def names(monkeypatch):
    """The 1,440 names of the corpus, by the recipe's own grammar of them."""
    monkeypatch.syspath_prepend(str(RECIPE / "local"))
    monkeypatch.delitem(sys.modules, "ravdess", raising=False)
    import ravdess

    return sorted(ravdess.expected())


def run_data(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(RECIPE / "local/data.py"), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write(path, seconds=0.01, rate=48000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros((int(seconds * rate), channels)), rate, subtype="PCM_16")


@pytest.fixture
def generated(tmp_path, names):
    """All 24 actors, 10 ms each; one file in stereo, as some of the corpus are."""
    root = tmp_path / "RAVDESS"
    write(root / "one.wav")
    write(root / "two.wav", channels=2)
    for name in names:
        folder = root / f"Actor_{name[-2:]}"
        folder.mkdir(exist_ok=True)
        shutil.copy(root / ("two.wav" if name == names[0] else "one.wav"), folder / f"{name}.wav")
    (root / "one.wav").unlink()
    (root / "two.wav").unlink()
    return root


@pytest.fixture
def excerpt(tmp_path):
    """A copy of the 16 real files, which tests may damage."""
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus is not at {CORPUS}")
    return shutil.copytree(CORPUS, tmp_path / "excerpt")


def made(folder):
    return {name: read_dir(folder / "data" / name, require_text=True) for name in SETS}


def test_the_corpus_has_sixty_names_an_actor_and_half_as_many_neutral_ones(names):
    assert len(names) == 1440 and set(Counter(name[-2:] for name in names).values()) == {60}
    emotions = Counter(name[6:8] for name in names)
    assert emotions.pop("01") == 96 and set(emotions.values()) == {192}


def test_folds_have_no_actor_in_two_sets_and_test_every_actor_once(tmp_path, generated):
    tested = []
    for fold in range(1, 7):
        done = run_data(tmp_path, "--ravdess_dir", generated, "--fold", fold)
        assert done.returncode == 0, done.stderr
        sets = made(tmp_path)
        actors = {name: set(found.utt2spk.values()) for name, found in sets.items()}
        assert {name: len(found) for name, found in actors.items()} == {"train": 16, "dev": 4, "test": 4}
        assert len(set.union(*actors.values())) == 24
        assert {name: len(found.wavs) for name, found in sets.items()} == {"train": 960, "dev": 240, "test": 240}
        men = sum(int(actor[-2:]) % 2 for actor in actors["test"])
        assert men == 2
        tested += sorted(actors["test"])
    assert sorted(tested) == [f"Actor_{number:02d}" for number in range(1, 25)]
    assert sets["test"].text["Actor_24-03-01-05-02-01-02-24"] == "angry"
    assert set(sets["train"].text.values()) == {"neutral", "calm", "happy", "sad", "angry", "fearful", "disgust",
                                                "surprised"}


def test_the_split_by_files_says_that_it_leaks_and_has_every_emotion_in_training(tmp_path, excerpt):
    done = run_data(tmp_path, "--ravdess_dir", excerpt, "--partial", "true", "--split", "files")
    assert done.returncode == 0 and "--split files LEAKS" in done.stderr
    sets = made(tmp_path)
    assert {name: len(found.wavs) for name, found in sets.items()} == {"train": 12, "dev": 2, "test": 2}
    assert set(sets["train"].utt2spk.values()) & set(sets["test"].utt2spk.values())
    assert len(set(sets["train"].text.values())) == 8
    assert "1424 of 1440 files are missing" in done.stderr
    assert len((tmp_path / "data/ravdess_missing.txt").read_text().splitlines()) == 1424


def test_a_part_of_the_corpus_is_taken_on_request_alone_and_never_leaves_a_set_empty(tmp_path, excerpt):
    done = run_data(tmp_path, "--ravdess_dir", excerpt)
    assert done.returncode == 1 and done.stderr.strip().count("\n") == 0
    assert "1424 problems" in done.stderr and "--partial true" in done.stderr
    done = run_data(tmp_path, "--ravdess_dir", excerpt, "--partial", "true")
    assert done.returncode == 1 and "leaves no actor for" in done.stderr
    assert not (tmp_path / "data/train").exists()


def test_real_files_of_six_actors_make_three_folds(tmp_path, excerpt):
    for number in range(3, 7):
        for path in sorted((excerpt / f"Actor_{2 - number % 2:02d}").iterdir()):
            target = excerpt / f"Actor_{number:02d}" / f"{path.stem[:-2]}{number:02d}.wav"
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
    done = run_data(tmp_path, "--ravdess_dir", excerpt, "--partial", "true", "--folds", 3, "--fold", 3)
    assert done.stdout == "train 16 files of 2 actors; dev 16 files of 2 actors; test 16 files of 2 actors\n"
    assert set(made(tmp_path)["test"].utt2spk.values()) == {"Actor_05", "Actor_06"}


def test_damaged_and_odd_files_are_all_listed_in_one_error_and_nothing_is_made(tmp_path, excerpt):
    first, second = excerpt / "Actor_01", excerpt / "Actor_02"
    (first / "03-01-01-01-01-01-01.wav").write_bytes(b"")
    cut = first / "03-01-02-01-01-01-01.wav"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    write(second / "03-01-05-01-01-01-02.wav", 1, rate=16000)
    (second / "03-01-06-01-02-01-02.wav").rename(second / "03-01-06-01-02-01-99.wav")
    (second / "03-01-07-01-01-01-02.wav").write_bytes(b"hello, this is no recording at all")
    (second / "notes.txt").write_text("hello")
    done = run_data(tmp_path, "--ravdess_dir", excerpt, "--partial", "true", "--split", "files")
    assert done.returncode == 1 and done.stderr.strip().count("\n") == 0 and "6 problems" in done.stderr
    listed = (tmp_path / "data/ravdess_problems.txt").read_text()
    for part in ("01-01-01-01-01-01.wav: an empty file", "02-01-01-01-01.wav: cut short", "16000 Hz",
                 "02-01-99.wav: not the", "07-01-01-01-02.wav: no RIFF WAV", "notes.txt: not a .wav"):
        assert part in listed
    assert not (tmp_path / "data/train").exists()


def test_song_is_left_alone_and_counted(tmp_path, excerpt):
    write(excerpt / "Actor_01/03-02-01-01-01-01-01.wav")
    done = run_data(tmp_path, "--ravdess_dir", excerpt, "--partial", "true", "--split", "files")
    assert done.returncode == 0 and "1 files of song or film left alone" in done.stdout


def test_a_folder_without_actors_and_a_fold_that_does_not_exist_are_named(tmp_path):
    assert "no Actor_01 ... Actor_24" in run_data(tmp_path, "--ravdess_dir", tmp_path).stderr
    assert "--fold 7: not between 1 and --folds 6" in run_data(tmp_path, "--fold", 7).stderr
