"""egs2/aishell/bljust/local/data.py: AISHELL-1 generated and its real excerpt, AISHELL-2 generated, damaged copies."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.kaldi.directory import read_dir

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/aishell/bljust"
CORPUS = ROOT.parent / "shared/corpora/aishell"
SENTENCE = "房 地 产 中介 协会 分析"


def run_data(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(RECIPE / "local/data.py"), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write(path, seed, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 160 + 16 * (seed % 7)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(count), rate, subtype="PCM_16")


def generate(root):
    """AISHELL-1's layout: four utterances a set, words apart as in the original."""
    lines = []
    for number, name in enumerate(("train", "dev", "test")):
        for index in range(4):
            utterance = f"BAC009S{number:04d}W{index:04d}"
            write(root / f"data_aishell/wav/{name}/S{number:04d}/{utterance}.wav", 10 * number + index)
            lines.append(f"{utterance} {SENTENCE} {'一二三四'[index]} {'训开测'[number]}\n")
    (root / "data_aishell/transcript").mkdir()
    (root / "data_aishell/transcript/aishell_transcript_v0.8.txt").write_text("".join(lines))
    return root


@pytest.fixture(params=["generated", "real"])
def first(request, tmp_path):
    """AISHELL-1, which tests may damage."""
    if request.param == "generated":
        return generate(tmp_path / "aishell1")
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus is not at {CORPUS}")
    return shutil.copytree(CORPUS, tmp_path / "aishell1")


@pytest.fixture
def second(tmp_path, first):
    """AISHELL-2: three speakers of 14, 6 and 5 recordings; three sentences of AISHELL-1's dev and test among them."""
    data = tmp_path / "AISHELL-2/iOS/data"
    known = [line.split(maxsplit=1)[1].strip() for line in transcripts(first).read_text().splitlines()]
    said = {3: known[-1], 4: known[-1].replace(" ", ""), 15: " ".join(known[len(known) - 5])}
    wavs, texts = [], []
    for number in range(25):
        speaker = f"C{1 + (number >= 14) + (number >= 20):04d}"
        utterance = f"I{speaker}W{number:04d}"
        write(data / f"wav/{speaker}/{utterance}.wav", 100 + number)
        wavs.append(f"{utterance}\twav/{speaker}/{utterance}.wav\n")
        texts.append(f"{utterance}\t{said.get(number, f'句子{number}')}\n")
    (data / "wav.scp").write_text("".join(wavs))
    (data / "trans.txt").write_text("".join(texts))
    return tmp_path


def transcripts(first):
    return first / "data_aishell/transcript/aishell_transcript_v0.8.txt"


def recordings(first):
    return sorted((first / "data_aishell/wav").rglob("*.wav"))


def test_the_sets_are_those_of_the_folders_and_text_has_no_space(tmp_path, first):
    done = run_data(tmp_path, "--aishell1_dir", first, "--aishell2_dir", "none")
    assert done.returncode == 0, done.stderr
    said = {line.split()[0]: "".join(line.split()[1:]) for line in transcripts(first).read_text().splitlines()}
    for name in ("train", "dev", "test"):
        found = read_dir(tmp_path / "data" / name, require_text=True)
        due = {path.stem: path for path in recordings(first) if path.parts[-3] == name}
        assert {key: Path(path).stem for key, path in found.wavs.items()} == {key: key for key in due}
        assert found.utt2spk == {key: path.parent.name for key, path in due.items()}
        assert found.text == {key: said[key].replace("\ufeff", "") for key in due}
    assert (tmp_path / "data/aishell1_untranscribed.txt").read_text() == ""


@pytest.mark.parametrize("given", ["", "AISHELL-2", "AISHELL-2/iOS", "AISHELL-2/iOS/data"])
def test_sentences_of_dev_and_test_are_taken_out_of_the_unlabelled_speech_and_counted(tmp_path, first, second, given):
    done = run_data(tmp_path, "--aishell1_dir", first, "--aishell2_dir", second / given)
    assert done.returncode == 0, done.stderr
    assert "AISHELL-2 25 recordings, 3 of them with a sentence of dev or test removed" in done.stdout
    removed = (tmp_path / "data/aishell2_removed.txt").read_text().split()
    assert removed == ["IC0001W0003", "IC0001W0004", "IC0002W0015"]
    sets = {name: read_dir(tmp_path / "data" / name) for name in ("pretrain", "pretrain_valid")}
    joined = [entry.split(" + ") for found in sets.values() for entry in found.wavs.values()]
    held = sorted(Path(path).stem for part in joined for path in part)
    assert held == sorted({f"IC{1 + (n >= 14) + (n >= 20):04d}W{n:04d}" for n in range(25)} - set(removed))
    assert all(found.text is None for found in sets.values())


def test_six_neighbours_of_a_speaker_are_joined_in_their_order_and_some_validate(tmp_path, first, second):
    run_data(tmp_path, "--aishell1_dir", first, "--aishell2_dir", second)
    sets = [read_dir(tmp_path / "data" / name) for name in ("pretrain", "pretrain_valid")]
    assert [len(found.wavs) for found in sets] == [3, 1]
    entries = [entry for found in sets for entry in found.wavs.values()]
    parts = sorted([Path(path).stem[-4:] for path in entry.split(" + ")] for entry in entries)
    assert parts == [["0000", "0001", "0002", "0005", "0006", "0007"], ["0008", "0009", "0010", "0011", "0012", "0013"],
                     ["0014", "0016", "0017", "0018", "0019"], ["0020", "0021", "0022", "0023", "0024"]]
    for found in sets:
        for name, entry in found.wavs.items():
            each = [read_audio(path)[0] for path in entry.split(" + ")]
            assert np.array_equal(read_audio(entry)[0], np.concatenate(each))
            assert found.utt2spk[name] == Path(entry.split(" + ")[0]).parent.name == name.split("-")[0]


def test_without_aishell2_the_way_round_it_is_told(tmp_path, first):
    done = run_data(tmp_path, "--aishell1_dir", first)
    assert done.returncode == 1 and "--local_data_opts '--aishell2_dir none'" in done.stderr


def damage_set(first):
    shutil.rmtree(first / "data_aishell/wav/dev")


def damage_archive(first):
    speaker = recordings(first)[0].parent
    with tarfile.open(first / "data_aishell/wav/S0999.tar.gz", "w:gz") as tar:
        tar.add(speaker, f"train/{speaker.name}")


def damage_recording(first):
    recordings(first)[0].unlink()


def damage_transcript(first):
    lines = transcripts(first).read_text().splitlines(keepends=True)
    transcripts(first).write_text("".join(lines[1:]))


def damage_twice(first):
    with transcripts(first).open("a") as file:
        file.write(transcripts(first).read_text().splitlines()[0] + "\nBAC009S9999W0001\n")


def damage_empty(first):
    recordings(first)[0].write_bytes(b"")


def damage_cut(first):
    path = recordings(first)[0]
    path.write_bytes(path.read_bytes()[:100])


def damage_rate(first):
    write(recordings(first)[0], 1, rate=8000)


@pytest.mark.parametrize(("damage", "part"), [
    (damage_set, "no recordings of the set dev"), (damage_archive, "S0999.tar.gz: not unpacked"),
    (damage_recording, "has no recording"), (damage_transcript, "no line in"),
    (damage_twice, "not an id and its text, once"), (damage_empty, "an empty file"),
    (damage_cut, "cut short"), (damage_rate, "8000 Hz"),
])  # fmt: skip
def test_a_damaged_aishell1_stops_in_one_line_with_a_list_and_makes_nothing(tmp_path, first, damage, part):
    damage(first)
    done = run_data(tmp_path, "--aishell1_dir", first, "--aishell2_dir", "none")
    assert done.returncode == 1 and done.stderr.strip().count("\n") == 0
    assert part in (tmp_path / "data/aishell1_problems.txt").read_text()
    assert not (tmp_path / "data/train").exists()


def test_a_damaged_aishell2_stops_in_one_line_with_every_offender(tmp_path, first, second):
    data = second / "AISHELL-2/iOS/data"
    (data / "wav/C0001/IC0001W0000.wav").unlink()
    write(data / "wav/C0001/IC0001W0001.wav", 1, rate=44100)
    texts = (data / "trans.txt").read_text().splitlines(keepends=True)
    (data / "trans.txt").write_text("".join(texts[:-1]) + "IC9999W0000\t你好\n")
    done = run_data(tmp_path, "--aishell1_dir", first, "--aishell2_dir", second)
    assert done.returncode == 1 and done.stderr.strip().count("\n") == 0 and "4 problems" in done.stderr
    listed = (tmp_path / "data/aishell2_problems.txt").read_text()
    for part in ("IC9999W0000 is not in wav.scp", "IC0003W0024 has no line in trans.txt", "no such file", "44100 Hz"):
        assert part in listed
    assert not (tmp_path / "data/train").exists()


def test_archives_of_the_speakers_are_unpacked_where_they_lie(tmp_path, monkeypatch):
    """downloads/aishell1 as the archive of openslr leaves it."""
    generate(tmp_path / "downloads/aishell1")
    wav = tmp_path / "downloads/aishell1/data_aishell/wav"
    for speaker in sorted(wav.glob("*/S*")):
        with tarfile.open(wav / f"{speaker.name}.tar.gz", "w:gz") as tar:
            tar.add(speaker, f"{speaker.parent.name}/{speaker.name}")
        shutil.rmtree(speaker.parent)
    done = run_data(tmp_path, "--aishell2_dir", "none")
    assert done.stdout == "train 4 utterances; dev 4 utterances; test 4 utterances\n", done.stderr
    assert not list(wav.glob("*.tar.gz"))
