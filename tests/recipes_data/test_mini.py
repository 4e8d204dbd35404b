"""egs2/mini/bljust/local/data.py: the synthetic corpus is what it says, and the same bits every time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.audio.synthesis import EspeakVoice, speak
from espnet_bljust.data.kaldi.directory import read_dir
from espnet_bljust.errors import InputError

pytest.importorskip("espeakng_loader", reason="espeakng-loader is not installed")
ROOT = Path(__file__).parents[2]
LOCAL = ROOT / "egs2/mini/bljust/local"
AMOUNTS = {"train": (9, 4), "unlabelled": (20, 7), "dev": (4, 2), "test": (5, 3)}  # utterances, speakers
SMALL = [
    word
    for name, (utterances, speakers) in AMOUNTS.items()
    for word in (f"--num_{name}", str(utterances), f"--num_{name}_speakers", str(speakers))
]


def run_data(folder, *words):
    """Stage 1 in ``folder``: the finished process."""
    folder.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(LOCAL / "data.py"), *SMALL, "--nj", "2", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini")
    done = run_data(folder, "--nj", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("train 9 utterances, 4 speakers, ")
    assert done.stdout.count("\n") == 1
    return folder


def test_same_seed_gives_the_same_bits_with_any_number_of_processes(corpus, tmp_path):
    assert run_data(tmp_path / "again", "--nj", "3").returncode == 0
    assert files_of(tmp_path / "again") == files_of(corpus)


def test_unchanged_corpus_is_not_synthesised_again_and_a_damaged_one_is(corpus):
    before = files_of(corpus)
    audio = next((corpus / "downloads/mini").rglob("*.flac"))
    stamp = audio.stat().st_mtime_ns
    assert run_data(corpus).returncode == 0
    assert audio.stat().st_mtime_ns == stamp
    audio.unlink()
    assert run_data(corpus).returncode == 0
    assert files_of(corpus) == before


def test_speakers_are_disjoint_and_dev_and_test_voices_unheard_in_training(corpus):
    speakers = {name: set(read_dir(corpus / "data" / name).utt2spk.values()) for name in AMOUNTS}
    assert {name: len(members) for name, members in speakers.items()} == {
        name: count for name, (_, count) in AMOUNTS.items()
    }
    assert len(set.union(*speakers.values())) == 16
    voices = {name: {speaker.split("-")[0] for speaker in members} for name, members in speakers.items()}
    assert not (voices["dev"] | voices["test"]) & (voices["train"] | voices["unlabelled"])
    assert not voices["dev"] & voices["test"]


def test_labelled_sets_hold_two_to_six_digits_and_the_unlabelled_set_no_text(corpus):
    words = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
    for name in ("train", "dev", "test"):
        for line in read_dir(corpus / "data" / name, require_text=True).text.values():
            assert 2 <= len(line.split()) <= 6
            assert set(line.split()) <= words
    assert not (corpus / "data/unlabelled/text").exists()


def test_audio_is_16_khz_and_neither_silent_nor_clipped_anywhere(corpus):
    for name in AMOUNTS:
        directory = read_dir(corpus / "data" / name)
        for path in directory.wavs.values():
            samples, rate = read_audio(str(corpus / path))
            assert rate == 16000
            assert 0.5 < len(samples) / rate < 6
            assert 0.01 < np.sqrt(np.mean(samples**2)) < 0.11  # -32 to -20 dB
            assert np.abs(samples).max() < 0.96
            windows = samples[: len(samples) // 800 * 800].reshape(-1, 800)
            assert windows.std(axis=1).min() > 0  # faint noise everywhere


def test_another_seed_gives_other_words_and_other_voices(monkeypatch):
    monkeypatch.syspath_prepend(str(LOCAL))
    from digits import plan_corpus

    plans = [plan_corpus(AMOUNTS, seed=seed) for seed in (0, 0, 1)]
    assert plans[0] == plans[1]
    for name in AMOUNTS:
        assert not {line.words for line in plans[0][name]} >= {line.words for line in plans[2][name]}
        assert not {line.speaker for line in plans[0][name]} & {line.speaker for line in plans[2][name]}


def test_default_plan_has_four_times_as_much_unlabelled_as_labelled_and_no_id_twice(monkeypatch):
    monkeypatch.syspath_prepend(str(LOCAL))
    from digits import plan_corpus

    plan = plan_corpus({"train": (400, 40), "unlabelled": (1700, 100), "dev": (60, 6), "test": (100, 10)}, seed=0)
    num_words = {name: sum(len(utterance.words.split()) for utterance in plan[name]) for name in plan}
    assert num_words["unlabelled"] >= 4 * num_words["train"]
    names = [utterance.name for members in plan.values() for utterance in members]
    assert len(set(names)) == len(names) == 2260
    seeds = {utterance.seed for members in plan.values() for utterance in members}
    assert len(seeds) == 2260


def test_what_was_said_before_does_not_change_the_bits():
    voice, other = EspeakVoice("en-us+f2", 150, 60, 70), EspeakVoice("en-us+Andy", 170, 40, 50)
    first = speak("one two three", voice, seed=5)
    speak("seven eight", other, seed=6)
    assert np.array_equal(speak("one two three", voice, seed=5), first)
    assert not np.array_equal(speak("one two three", other, seed=5)[:8000], first[:8000])


def test_pauses_lengthen_the_speech():
    voice = EspeakVoice("en-us+m3", 150, 50, 50)
    short, long = (speak(f'one <break time="{pause}ms"/> two', voice, seed=0) for pause in (10, 300))
    assert 0.15 < (len(long) - len(short)) / 16000 < 0.6


@pytest.mark.parametrize("name", ["xx-none", "en-us+nobody"])
def test_unknown_voice_or_variant_is_named(name):
    with pytest.raises(InputError, match=name.replace("+", r"\+")):
        speak("one", EspeakVoice(name, 150, 50, 50), seed=0)


def test_killed_synthesis_leaves_no_process_and_starts_anew(corpus, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(LOCAL / "data.py"), *SMALL, "--nj", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("downloads/mini.tmp/*/*.flac")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "downloads/mini").exists()
    deadline = time.monotonic() + 20
    while processes_in(tmp_path):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)
    assert run_data(tmp_path).returncode == 0
    assert files_of(tmp_path) == files_of(corpus)


def processes_in(folder):
    """Processes whose working folder is ``folder``."""
    return [entry for entry in Path("/proc").glob("[0-9]*/cwd") if is_link_to(entry, folder)]


def is_link_to(link, folder):
    try:
        return link.readlink() == folder
    except OSError:  # gone, or another user's
        return False


def test_more_speakers_than_utterances_are_refused_before_any_work(tmp_path):
    done = run_data(tmp_path / "bad", "--num_dev_speakers", "5")
    assert done.returncode == 1
    assert "--num_dev_speakers 5: not between 1 and --num_dev (4)" in done.stderr
    assert not (tmp_path / "bad/downloads").exists()
