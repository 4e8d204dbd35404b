"""egs2/timit/bljust/local/data.py on NLTK's sample, and on generated trees in LDC's and NLTK's layouts, either case."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.audio.reading import read_audio
from espnet_bljust.data.kaldi.directory import read_dir
from tests.helpers.spheres import sphere

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/timit/bljust"
CORPUS = ROOT.parent / "shared/corpora/timit"
SETS = ("train", "dev", "test")
SENTENCES = ("sa1", "sa2", *(f"si{number}" for number in range(631, 634)), *(f"sx{number}" for number in range(7, 12)))
PHONES = ("h#", "sh", "ix", "hv", "eh", "dcl", "jh", "ih", "q", "h#")
FOLDED = "sil sh ix hh eh vcl jh ih sil"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"NLTK's sample of TIMIT is not at {CORPUS}")


def run_data(folder, *words):
    """Stage 1 in ``folder``: the finished process."""
    command = [sys.executable, str(RECIPE / "local/data.py"), *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def listed(name):
    return (RECIPE / "local" / f"{name}_speakers.txt").read_text().split()


def write_sentence(folder, stem, case=str.lower, num_samples=40):
    """Audio and the three transcripts, with names in one case."""
    spans = "".join(f"{4 * place} {4 * place + 4} {phone}\n" for place, phone in enumerate(PHONES))
    contents = {"wav": sphere(num_samples), "phn": spans.encode(), "wrd": b"0 40 she\n",
                "txt": b'0 40 Don\'t "she" ask, sub-editor?\n'}
    folder.mkdir(parents=True, exist_ok=True)
    for ending, content in contents.items():
        (folder / case(f"{stem}.{ending}")).write_bytes(content)


def write_tree(root, speakers, case=str.lower, sentences=SENTENCES):
    """LDC's layout; ``speakers``: name -> half."""
    for index, (speaker, half) in enumerate(speakers.items()):
        for sentence in sentences:
            write_sentence(root / case(f"timit/{half}/dr{index % 8 + 1}/{speaker}"), sentence, case)
    return root


def few_speakers():
    return {"fcjf0": "train", "mdac0": "train", "faks0": "test", "mdab0": "test", "mzzz9": "test"}


def write_flat(root):
    """NLTK's layout with four speakers and RIFF audio, as nltk_data has it."""
    for name in ("dr1-fvmh0", "dr2-marc0", "dr3-falk0", "dr4-maeb0"):
        for sentence in SENTENCES:
            write_sentence(root / name, sentence)
            soundfile.write(root / name / f"{sentence}.wav", np.arange(40, dtype=np.int16), 16000, subtype="PCM_16")
    return root


@pytest.fixture(params=[pytest.param("real", marks=needs_corpus), "upper", "lower", "flat"])
def tree(request, tmp_path):
    """An excerpt and what its sets must hold: (folder, speakers by set)."""
    if request.param == "real":
        return CORPUS, {"train": "falk0 fblv0 maeb0 marc0", "dev": "ftlg0 mbcg0", "test": "fvmh0 mbma1"}
    if request.param == "flat":
        return write_flat(tmp_path / "nltk"), {"train": "falk0 fvmh0", "dev": "maeb0", "test": "marc0"}
    case = str.upper if request.param == "upper" else str.lower
    sets = {"train": "fcjf0 mdac0", "dev": "faks0", "test": "mdab0"}
    return write_tree(tmp_path / "ldc", few_speakers(), case), sets


def test_sets_hold_their_speakers_without_sa_sentences_in_words_and_in_48_phones(tree, tmp_path):
    folder, speakers = tree
    done = run_data(tmp_path, "--timit_dir", folder, "--excerpt", "true")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    phones = {row.split()[1] for row in (RECIPE / "local/phones_61_to_48.txt").read_text().splitlines() if " " in row}
    for name in SETS:
        words, spelled = (read_dir(tmp_path / f"data/{name}{suffix}", require_text=True) for suffix in ("", "_phn"))
        assert sorted(set(words.utt2spk.values())) == speakers[name].split()
        assert words.wavs == spelled.wavs and words.utt2spk == spelled.utt2spk
        assert len(words.wavs) == 8 * len(speakers[name].split())
        assert all(re.fullmatch(r"[fm]\w{4}_s[ix]\d+", utterance) for utterance in words.wavs)
        assert all(re.fullmatch(r"[a-z']+( [a-z']+)*", text) for text in words.text.values())
        assert {phone for text in spelled.text.values() for phone in text.split()} <= phones
        assert {read_audio(path)[1] for path in words.wavs.values()} == {16000}


def test_generated_sentences_are_folded_and_cleaned_as_by_hand(tmp_path):
    write_tree(tmp_path / "ldc", few_speakers())
    assert run_data(tmp_path, "--timit_dir", tmp_path / "ldc", "--excerpt", "true").returncode == 0
    assert set(read_dir(tmp_path / "data/test_phn").text.values()) == {FOLDED}
    assert set(read_dir(tmp_path / "data/test").text.values()) == {"don't she ask sub editor"}


@needs_corpus
def test_words_of_a_sentence_are_those_that_timit_aligned(tmp_path):
    assert run_data(tmp_path, "--timit_dir", CORPUS, "--excerpt", "true").returncode == 0
    found = {key: text for name in SETS for key, text in read_dir(tmp_path / "data" / name).text.items()}
    aligned = {
        f"{path.parent.name}_{path.stem}".lower(): " ".join(line.split()[2] for line in path.read_text().splitlines())
        for path in CORPUS.rglob("*.WRD") if not path.name.startswith("SA")
    }
    assert found == aligned and len(found) == 64


@needs_corpus
def test_core_test_speakers_are_those_of_timits_own_document():
    document = (CORPUS / "TIMIT/DOC/TESTSET.DOC").read_text()
    rows = re.findall(r"^ +\d\s+(\w{4}), (\w{4})\s+(\w{4})\s+8\s+24$", document, re.MULTILINE)  # two men, a woman
    due = [f"{sex}{name}".lower() for row in rows for sex, name in zip("mmf", row, strict=True)]
    assert len(due) == 24 and sorted(due) == listed("core_test")


def test_lists_have_24_and_50_speakers_and_none_in_both():
    core, dev = listed("core_test"), listed("dev")
    assert (len(core), len(dev), len({*core, *dev})) == (24, 50, 74)
    assert sum(name.startswith("m") for name in core) == 16


def test_61_phones_become_48_and_these_39_in_the_groups_of_lee_and_hon():
    rows = [line.split() for line in (RECIPE / "local/phones_61_to_48.txt").read_text().splitlines()]
    last = dict(line.split() for line in (RECIPE / "conf/phones_48_to_39.txt").read_text().splitlines())
    first = {row[0]: row[1] for row in rows if len(row) == 2}
    assert [row[0] for row in rows if len(row) == 1] == ["q"] and len(rows) == 61
    phones = set(first.values())
    groups = {}
    for phone in phones:
        groups.setdefault(last.get(phone, phone), set()).add(phone)
    assert len(phones) == 48 and len(groups) == 39 and last.keys() <= phones
    # Lee and Hon, IEEE Trans. ASSP 37 (11), 1989: within these, confusions are not counted
    together = ["sil cl vcl epi", "l el", "n en", "sh zh", "aa ao", "ih ix", "ah ax"]
    assert sorted(map(sorted, (group for group in groups.values() if len(group) > 1))) == sorted(
        sorted(group.split()) for group in together)
    closures = {"cl": "pcl tcl kcl", "vcl": "bcl dcl gcl", "sil": "h# pau"}
    assert {phone: " ".join(key for key in "pcl tcl kcl bcl dcl gcl h# pau".split() if first[key] == phone)
            for phone in closures} == closures


def test_the_whole_corpus_gives_3696_400_and_192_sentences(tmp_path):
    speakers = {f"f{number:04d}": "train" for number in range(462)}
    speakers |= dict.fromkeys([*listed("dev"), *listed("core_test"), "mzzz9"], "test")
    write_tree(tmp_path / "ldc", speakers, str.upper, SENTENCES[1:])
    done = run_data(tmp_path, "--timit_dir", tmp_path / "ldc")
    assert done.returncode == 0, done.stderr
    for name, count, people in (("train", 3696, 462), ("dev", 400, 50), ("test", 192, 24)):
        assert f"{name} {count} sentences, {people} speakers" in done.stdout
    assert "1 speakers of TEST outside both lists" in done.stdout


def problems_of(folder, *words):
    """The one line of a stage 1 that must fail, and its list."""
    done = run_data(folder, *words)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stdout + done.stderr
    assert not (folder / "data/train").exists()
    return done.stderr, (folder / "data/timit_problems.txt").read_text().splitlines()


def test_a_part_of_the_corpus_is_refused_with_every_absent_speaker_unless_asked_for(tmp_path):
    write_tree(tmp_path / "ldc", few_speakers())
    shutil.rmtree(next(tmp_path.glob("ldc/timit/test/*/mdab0")))
    line, problems = problems_of(tmp_path, "--timit_dir", tmp_path / "ldc")
    assert "--excerpt true" in line
    assert problems[0] == "TRAIN: 2 speakers where TIMIT has 462."
    assert sum("of the dev set" in problem for problem in problems) == 49
    assert sum("of the test set" in problem for problem in problems) == 24


def test_every_damaged_file_is_listed(tmp_path):
    root = write_tree(tmp_path / "ldc", few_speakers())
    folder = next(root.glob("timit/train/*/mdac0"))
    (folder / "si631.phn").unlink()
    (folder / "si632.wav").unlink()
    (folder / "si633.wav").write_bytes(b"")
    (folder / "sx7.wav").write_bytes(sphere(40)[:-10])
    (folder / "sx8.wav").write_bytes(sphere(40, rate=8000))
    (folder / "sx9.wav").write_bytes(sphere(40, coding="pcm,embedded-shorten-v2.00"))
    (folder / "sx10.phn").write_text("0 4 h#\n4 8 xyz\n")
    (folder / "sx11.txt").write_text("She\n")
    line, problems = problems_of(tmp_path, "--timit_dir", root, "--excerpt", "true")
    assert f"8 problems, first: {folder / 'si631'}: no PHN file." in line
    wanted = {"si631": "no PHN", "si632": "no WAV", "si633": "empty file", "sx7.": "35 of 40 samples", "sx8": "8000 Hz",
              "sx9": "shorten", "sx10": "sx10.phn:2: 'xyz' is none", "sx11": "sx11.txt:1: 'She' is not"}
    for name, what in wanted.items():
        assert any(name in problem and what in problem for problem in problems), (name, problems)


def test_an_excerpt_of_test_without_a_dev_speaker_is_named(tmp_path):
    write_tree(tmp_path / "ldc", {"fcjf0": "train", "mdab0": "test"})
    done = run_data(tmp_path, "--timit_dir", tmp_path / "ldc", "--excerpt", "true")
    assert done.returncode == 1 and "no speaker of dev in this part" in done.stderr


@pytest.mark.parametrize(("words", "answer"), [
    ((), "db.sh: TIMIT is empty"),
    (("--timit_dir", "."), "neither TRAIN and TEST nor dr1-fvmh0"),
    (("--timit_dir", "absent"), "absent: no such folder"),
])
def test_a_folder_that_is_not_timit_is_named(tmp_path, words, answer):
    done = run_data(tmp_path, *words)
    assert done.returncode == 1 and answer in done.stderr and done.stderr.count("\n") == 1
