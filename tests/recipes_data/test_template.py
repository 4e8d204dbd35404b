"""egs2/TEMPLATE/bljust/local/data.py: a user's audio in every form of docs/your_corpus.md."""
import shutil
from pathlib import Path

import pytest

from tests.helpers.user_corpora import (
    CORPORA,
    FORMS,
    SPEAKERS,
    WORDS,
    audio,
    fails,
    folder_form,
    kaldi_form,
    needs_corpora,
    run_data,
    sets_of,
    table_form,
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_words_and_sets_without_a_common_speaker(tmp_path, form):
    FORMS[form](tmp_path / "mine")
    audio(tmp_path / "pool/p/1.flac")
    done = run_data(tmp_path, "--labelled", "mine", "--unlabelled", "pool", "--lang", "en")
    assert done.returncode == 0, done.stderr
    assert "language en: the general rules" in done.stdout
    sets = sets_of(tmp_path)
    words = sorted(line for name in ("train", "dev", "test") for line in sets[name].text.values())
    assert words == sorted(f"word {name[0]} no {'xyz'[int(name[1])]}" for name in WORDS)
    speakers = [set(sets[name].utt2spk.values()) for name in ("train", "dev", "test")]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == SPEAKERS
    assert list(sets["unlabelled"].wavs) == ["p-1_unlabelled"]
    assert all(Path(path).is_file() for directory in sets.values() for path in directory.wavs.values())


def test_splits_of_the_user_are_kept_from_a_column_and_from_folders(tmp_path):
    table_form(tmp_path / "mine", extra=("split", "speaker"))
    assert run_data(tmp_path, "--labelled", tmp_path / "mine/my.csv").returncode == 0
    assert {key[-1] for key in sets_of(tmp_path)["dev"].text} == {"1"}
    for name, words in WORDS.items():
        folder = tmp_path / "sets" / {"0": "train", "1": "valid", "2": "test"}[name[1]] / name[0]
        audio(folder / f"{name}.wav")
        (folder / f"{name}.txt").write_text(words)
    done = run_data(tmp_path, "--labelled", "sets")
    assert done.returncode == 0, done.stderr
    assert {name: {key[-1] for key in directory.text} for name, directory in list(sets_of(tmp_path).items())[:3]} == {
        "train": {"0"}, "dev": {"1"}, "test": {"2"}}  # fmt: skip


NAMED = {
    "capitals": {"train": ["Train"], "dev": ["Dev"], "test": ["Test"]},
    "long words": {"train": ["training"], "dev": ["development"], "test": ["evaluation"]},
    "librispeech's": {"train": ["train-clean-100", "train-other-500"], "dev": ["dev-clean"], "test": ["test-clean"]},
    "deeper": {"train": ["data/train"], "dev": ["data/valid"], "test": ["data/test"]},
    "several": {"train": ["train"], "dev": ["dev", "valid"], "test": ["test", "eval"]},
    "by speaker": {"train": ["a/train", "b/train", "c/train"], "dev": ["a/dev"], "test": ["b/TEST"]},
}


@pytest.mark.parametrize("names", NAMED)
def test_sets_in_folders_of_any_usual_name_are_taken_and_said(tmp_path, names):
    expected = {}
    for split, folders in NAMED[names].items():
        for number, name in enumerate(folders):
            for index in range(2):
                place = tmp_path / "mine" / name / ("" if names == "by speaker" else f"{split}{number}")
                audio(place / f"{name.replace('/', '')}{index}.wav")
                (place / f"{name.replace('/', '')}{index}.txt").write_text("word")
                expected.setdefault(split, set()).add(f"{name.replace('/', '')}{index}")
    audio(tmp_path / "mine/extra/x.wav")
    done = run_data(tmp_path, "--labelled", "mine")
    assert done.returncode == 0, done.stderr
    assert {split: {name.split("-", 1)[1] for name in sets_of(tmp_path)[split].text} for split in expected} == expected
    assert "split by train: " + ", ".join(NAMED[names]["train"]) in done.stdout
    assert "extra/ (1 audio files)" in done.stdout
    assert ("are all taken for the dev set" in done.stdout) == (names == "several")
    assert ("of dev train, too" in done.stdout) == (names == "by speaker")


def test_tables_by_set_and_a_set_that_is_missing_is_cut_from_the_training_speakers(tmp_path):
    mine = table_form(tmp_path / "mine")
    header, *rows = (mine / "my.csv").read_text().splitlines()
    (mine / "Test.csv").write_text("\n".join([header, *rows[-6:]]))
    (mine / "train.csv").write_text("\n".join([header, *rows[:-6]]))
    (mine / "my.csv").unlink()
    done = run_data(tmp_path, "--labelled", mine)
    assert done.returncode == 0, done.stderr
    sets = sets_of(tmp_path)
    speakers = {name: set(sets[name].utt2spk.values()) for name in ("train", "dev", "test")}
    assert speakers["test"] == {"i", "j"} and speakers["dev"] and not speakers["dev"] & speakers["train"]
    assert "split by train: train.csv; dev: none; test: Test.csv" in done.stdout
    assert "split by speaker (dev)" in done.stdout


def test_a_folder_named_test_without_a_training_set_is_told(tmp_path):
    mine = folder_form(tmp_path / "mine")
    audio(mine / "test" / "1.wav")
    assert "WARNING: test: taken for no sets" in run_data(tmp_path, "--labelled", mine).stdout


def test_three_speakers_are_told_what_their_split_costs_and_split_by_utterance_keeps_them(tmp_path):
    for name in "abc":
        for index in range(10):
            audio(tmp_path / "mine" / name / f"{name}{index}.wav")
            if index < 8:
                (tmp_path / "mine" / name / f"{name}{index}.txt").write_text("word")
    done = run_data(tmp_path, "--labelled", "mine")
    # 24 utterances of 0.2 s: 8 of them, all of them, and all but 3 for each of two sets
    told = "split by speaker (dev and test): of 3 speakers 1 train, with 0.000444 h of 0.00133 h"
    assert told in done.stdout and "would train on 0.001 h" in done.stdout
    assert '--local_data_opts "--split utterances"' in done.stdout
    assert len(sets_of(tmp_path)["unlabelled"].wavs) == 2
    done = run_data(tmp_path, "--labelled", "mine", "--split", "utterances")
    assert "split by utterance (dev and test), as --split says" in done.stdout
    assert "WARNING: train, dev and test share speakers: scores flatter" in done.stdout
    sets = sets_of(tmp_path)
    assert [len(sets[name].wavs) for name in ("train", "dev", "test", "unlabelled")] == [18, 3, 3, 6]


def test_audio_without_a_transcript_joins_the_unlabelled_speech_with_a_count(tmp_path):
    mine = folder_form(tmp_path / "mine")
    (mine / "a/a1.txt").unlink()
    (mine / "b/b2.txt").write_text(" \n")
    done = run_data(tmp_path, "--labelled", mine)
    assert "2 audio files of" in done.stdout and "have no transcript" in done.stdout
    sets = sets_of(tmp_path)
    labelled = {key for name in ("train", "dev", "test") for key in sets[name].text}
    assert len(labelled) == len(WORDS) - 2
    left_out = (tmp_path / "data/left_out.tsv").read_text()
    for key, speaker in (("a-a1", "a"), ("b-b2", "b")):
        trains = speaker in sets["train"].utt2spk.values()
        assert (key in sets["unlabelled"].wavs) == trains == (f"{key}\tspeaker_held_out" not in left_out)


def test_without_unlabelled_speech_one_training_utterance_stands_for_the_set(tmp_path):
    done = run_data(tmp_path, "--labelled", folder_form(tmp_path / "mine"))
    assert "learns from the training speech" in done.stdout
    sets = sets_of(tmp_path)
    assert list(sets["unlabelled"].wavs.items()) == list(sets["train"].wavs.items())[:1]


def test_speakers_by_pattern_and_one_speaker_alone(tmp_path):
    for name, words in WORDS.items():
        audio(tmp_path / "flat" / f"{name}.wav")
        (tmp_path / "flat" / f"{name}.txt").write_text(words)
    done = run_data(tmp_path, "--labelled", "flat")
    assert "WARNING: train, dev and test share speakers" in done.stdout
    done = run_data(tmp_path, "--labelled", "flat", "--speaker_pattern", "^(.)")
    assert "WARNING" not in done.stdout
    assert len(set(sets_of(tmp_path)["train"].utt2spk.values())) == 8
    assert "not in the file name" in fails(tmp_path, "--labelled", "flat", "--speaker_pattern", "Z")


@pytest.mark.parametrize(("make", "message"), [
    (lambda folder: None, "no such folder or table"),
    (lambda folder: folder.mkdir(), "no audio in it"),
    (lambda folder: audio(folder / "x.wav"), "1 audio files and no transcript"),
    (lambda folder: (table_form(folder), shutil.copy(folder / "my.csv", folder / "b.csv")), "2 tables: b.csv, my.csv"),
])  # fmt: skip
def test_sources_with_nothing_to_learn_from_are_told(tmp_path, make, message):
    make(tmp_path / "mine")
    assert message in fails(tmp_path, "--labelled", "mine")


def test_kaldi_directory_with_text_of_some_utterances_and_of_one_that_is_not_there(tmp_path):
    kaldi = kaldi_form(tmp_path / "kaldi")
    lines = (kaldi / "text").read_text().splitlines(keepends=True)
    (kaldi / "text").write_text("".join(lines[1:]))
    done = run_data(tmp_path, "--labelled", kaldi)
    assert "1 audio files of" in done.stdout
    (kaldi / "text").write_text("".join([*lines, "zz words\n"]))
    assert "text: zz: a transcript without audio" in fails(tmp_path, "--labelled", kaldi)
    (kaldi / "text").write_text("".join([*lines[:4], lines[4].replace("no", "n\ufffd"), *lines[5:]]))
    assert "text:5: U+FFFD in the transcript" in fails(tmp_path, "--labelled", kaldi)


def test_segments_of_a_kaldi_directory_stay_beside_whole_files_without_text(tmp_path):
    kaldi = kaldi_form(tmp_path / "kaldi")
    audio(kaldi / "wav/long.wav")
    names = sorted(WORDS)
    (kaldi / "wav.scp").write_text("long wav/long.wav\n")
    (kaldi / "segments").write_text("".join(f"{name} long 0.0{i % 9} 0.2\n" for i, name in enumerate(names)))
    audio(tmp_path / "pool/p/1.flac")
    done = run_data(tmp_path, "--labelled", kaldi, "--unlabelled", "pool")
    assert done.returncode == 0, done.stderr
    sets = sets_of(tmp_path)
    assert set(sets["train"].wavs) == {"long"}
    assert sets["unlabelled"].segments["p-1_unlabelled"] == ("p-1_unlabelled", 0.0, None)


@needs_corpora
def test_a_language_that_no_recipe_names_from_a_table_of_mp3_files(tmp_path):
    tw = CORPORA / "commonvoice/cv-corpus-tw/tw"
    done = run_data(tmp_path, "--labelled", tw / "validated.tsv", "--unlabelled", tw / "other.tsv", "--lang", "tw")
    assert done.returncode == 0, done.stderr
    sets = sets_of(tmp_path)
    assert sum(len(sets[name].wavs) for name in ("train", "dev", "test")) == 225
    table = (tmp_path / "data/characters.tsv").read_text(encoding="utf-8")
    assert "ɛ\tU+025B" in table and "not expected" not in table


@needs_corpora
def test_real_corpora_of_several_layouts_and_rates(tmp_path):
    digits = CORPORA / "free-spoken-digit-dataset/recordings"
    rows = [f"{path},{path.name[0]},{path.stem.split('_')[1]}" for path in sorted(digits.glob("*.wav"))]
    (tmp_path / "digits.csv").write_text("path,text,speaker\n" + "\n".join(rows) + "\n")
    for source, count in ((tmp_path / "digits.csv", 180), (CORPORA / "speechocean762/train", 2500),
                          (CORPORA / "librispeech/LibriSpeech", 36)):  # fmt: skip
        done = run_data(tmp_path, "--labelled", source, "--lang", "en")
        assert done.returncode == 0, done.stderr
        sets = sets_of(tmp_path)
        assert sum(len(sets[name].wavs) for name in ("train", "dev", "test")) == count
        speakers = [set(sets[name].utt2spk.values()) for name in ("train", "dev", "test")]
        assert sum(map(len, speakers)) == len(set.union(*speakers))
