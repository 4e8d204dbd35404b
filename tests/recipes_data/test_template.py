"""egs2/TEMPLATE/bljust/local/data.py: a user's audio in every form of docs/your_corpus.md, whole and damaged."""

import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.kaldi.directory import read_dir

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/TEMPLATE/bljust"
CORPORA = ROOT.parent / "shared/corpora"
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason=f"real recordings are not at {CORPORA}")
SPEAKERS, EACH = 10, 3
WORDS = {f"{chr(97 + i)}{j}": f"Word {chr(97 + i)} no {'xyz'[j]}!" for i in range(SPEAKERS) for j in range(EACH)}


def run_data(folder, *words):
    """Stage 1 in ``folder``: the finished process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(RECIPE / "local/data.py"), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def fails(folder, *words):
    """The one line of a run that must stop."""
    done = run_data(folder, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr
    return done.stderr


def audio(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.05, 3200), 16000)


def folder_form(root):
    for name, words in WORDS.items():
        audio(root / name[0] / f"{name}.wav")
        (root / name[0] / f"{name}.txt").write_text(words)
    (root / "README.txt").write_text("no transcript")
    return root


def librispeech_form(root):
    for name, words in WORDS.items():
        chapter = root / name[0] / name[1]
        audio(chapter / f"{name[0]}-{name[1]}-0.flac")
        (chapter / f"{name[0]}-{name[1]}.trans.txt").write_text(f"{name[0]}-{name[1]}-0 {words}\n")
    return root


def kaldi_form(root):
    root.mkdir()
    rows = sorted(WORDS)
    for name in rows:
        audio(root / "wav" / f"{name}.wav")
    (root / "wav.scp").write_text("".join(f"{name} wav/{name}.wav\n" for name in rows))
    (root / "text").write_text("".join(f"{name} {WORDS[name]}\n" for name in rows))
    (root / "utt2spk").write_text("".join(f"{name} {name[0]}\n" for name in rows))
    return root


def table_form(root, delimiter=",", extra=("speaker",)):
    root.mkdir()
    lines = [delimiter.join(["path", "text", *extra])]
    for name, words in WORDS.items():
        audio(root / "audio" / f"{name}.ogg")
        fields = {"speaker": name[0], "split": {"0": "train", "1": "valid", "2": "test"}[name[1]]}
        lines.append(delimiter.join([f"audio/{name}.ogg", f'"{words}"', *(fields[key] for key in extra)]))
    (root / f"my.{'tsv' if delimiter == chr(9) else 'csv'}").write_text("\n".join(lines) + "\n")
    return root


FORMS = {"folder": folder_form, "librispeech": librispeech_form, "kaldi": kaldi_form, "csv": table_form,
         "tsv": lambda root: table_form(root, "\t"), "semicolon": lambda root: table_form(root, ";")}  # fmt: skip


def sets_of(folder):
    return {name: read_dir(folder / "data" / name, require_text=name != "unlabelled")
            for name in ("train", "dev", "test", "unlabelled")}  # fmt: skip


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


def test_names_that_differ_in_marks_or_signs_are_other_speakers_and_files(tmp_path):
    """Hindi vowel signs are no \\w of Python's; hyphens and full stops are signs."""
    for speaker in ("रीता", "रोता", "an-na", "an.na", "an na"):
        for name in ("कि", "की", "a+b", "a&b"):
            audio(tmp_path / "mine" / speaker / f"{name}.wav")
            (tmp_path / "mine" / speaker / f"{name}.txt").write_text("word")
    done = run_data(tmp_path, "--labelled", "mine")
    assert done.returncode == 0, done.stderr
    sets = sets_of(tmp_path)
    speakers = {speaker for name in ("train", "dev", "test") for speaker in sets[name].utt2spk.values()}
    assert speakers == {"रीता", "रोता", "an-na", "an.na", "an_na"}
    assert sum(len(sets[name].text) for name in ("train", "dev", "test")) == 20


def test_two_names_that_would_be_one_speaker_are_a_problem(tmp_path):
    mine = folder_form(tmp_path / "mine")
    for name in ("x y", "x_y", "x/y"):
        audio(mine / name / "1.wav")
        (mine / name / "1.txt").write_text("word")
    error = fails(tmp_path, "--labelled", mine)
    assert "2 problems" in error and "would both be x_y. Rename one of them." in error


def test_a_recording_and_its_transcript_are_one_in_either_form_of_unicode(tmp_path):
    composed, decomposed = unicodedata.normalize("NFC", "éa"), unicodedata.normalize("NFD", "éa")
    mine = folder_form(tmp_path / "mine")
    audio(mine / "a" / f"{composed}1.wav")
    (mine / "a" / f"{decomposed}1.txt").write_text("one")
    audio(mine / decomposed / "2.wav")
    (mine / decomposed / "2.txt").write_text("two")
    audio(mine / composed / "3.wav")
    (mine / composed / "3.txt").write_text("three")
    rows = "".join(f"{path.relative_to(mine)},word,{path.parent.name}\n" for path in sorted(mine.rglob("*.wav")))
    (tmp_path / "table.csv").write_text("path,text,speaker\n" + unicodedata.normalize("NFD", rows))
    shutil.move(tmp_path / "table.csv", mine)
    for source in (mine / "table.csv", mine):
        done = run_data(tmp_path, "--labelled", source)
        assert done.returncode == 0, done.stderr
        sets = sets_of(tmp_path)
        found = {name for part in ("train", "dev", "test") for name in sets[part].text}
        assert {f"a-{composed}1", f"{composed}-2", f"{composed}-3"} <= found
        (mine / "table.csv").unlink(missing_ok=True)


DAMAGES = {
    "transcript without audio": (lambda mine: (mine / "a/a1.wav").unlink(), "a1.txt: a transcript without audio"),
    "empty audio": (lambda mine: (mine / "a/a1.wav").write_bytes(b""), "a1.wav: 0 bytes"),
    "audio twice": (lambda mine: audio(mine / "a/a1.flac"), "has the id of"),
    "link": (lambda mine: [(mine / "a/a1.wav").unlink(), (mine / "a/a1.wav").symlink_to("gone")], "a link to nothing"),
    "format": (lambda mine: (mine / "a/a1.wav").rename(mine / "a/a1.m4a"), "libsndfile does not read .m4a. Convert"),
    "lost character": (lambda mine: (mine / "a/a1.txt").write_text("word\ncaf\ufffd"),
                       "a1.txt:2: U+FFFD in the transcript: a character was lost"),
    "encoding": (lambda mine: (mine / "a/a1.txt").write_bytes(b"caf\xe9"), "a1.txt: byte 4 is not UTF-8"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_stops_with_one_line_and_a_list_and_can_be_left_out(tmp_path, damage):
    mine = folder_form(tmp_path / "mine")
    change, message = DAMAGES[damage]
    change(mine)
    error = fails(tmp_path, "--labelled", mine)
    assert message in error and "All of them: data/problems.txt" in error
    assert message in (tmp_path / "data/problems.txt").read_text()
    assert not (tmp_path / "data/train").exists()
    done = run_data(tmp_path, "--labelled", mine, "--skip_problems", "true")
    assert done.returncode == 0 and "left out and listed in data/problems.txt" in done.stdout


TABLE_DAMAGES = {
    "no such audio": ("audio/a0.ogg", "audio/lost.ogg", "my.csv:2: audio/lost.ogg: no such audio file"),
    "row twice": ("audio/a1.ogg", "audio/a0.ogg", "my.csv:3: a0.ogg is listed already"),
    "open quotation mark": ('"Word a no y!"', '"Word a no y!', "my.csv:3: a quotation mark that does not close on its"),
    "mark in a quoted field": ('"Word a no y!"', '"Word "a" no y!"', "my.csv:3: a quotation mark that does not close"),
    "line break": ("Word a no y", "Word a\nno y", "my.csv:3: a quotation mark that does not close"),
    "fields": ('audio/a1.ogg,"Word a no y!"', "audio/a1.ogg", "my.csv:3: 2 fields where the header has 3"),
    "lost character": ("Word a no y", "Word \ufffd no y", "my.csv:3: U+FFFD in the transcript"),
    "column": ("path,text", "path,words_in_it", "my.csv:1: no column text or sentence"),
}


@pytest.mark.parametrize("damage", TABLE_DAMAGES)
def test_damaged_tables_are_told_by_line(tmp_path, damage):
    mine = table_form(tmp_path / "mine")
    old, new, message = TABLE_DAMAGES[damage]
    (mine / "my.csv").write_text((mine / "my.csv").read_text().replace(old, new, 1))
    assert message in fails(tmp_path, "--labelled", mine)


def test_quotation_marks_swallow_no_rows(tmp_path):
    source = (CORPORA.parent / "reports/csv_quotes/meta.csv") if CORPORA.is_dir() else None
    if source is None:
        pytest.skip(f"no ../shared/reports beside {ROOT}")
    rows = source.read_text()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/meta.csv").write_text(rows)
    for line in rows.splitlines()[1:]:
        audio(tmp_path / "mine" / line.split(",")[0])
    assert "1 problem, first: " in (error := fails(tmp_path, "--labelled", "mine")) and "meta.csv:5: " in error
    assert run_data(tmp_path, "--labelled", "mine", "--skip_problems", "true").returncode == 0
    assert sum(len(sets_of(tmp_path)[name].text) for name in ("train", "dev", "test")) == 17


def test_columns_have_the_names_that_the_user_says_and_audio_in_no_row_is_counted(tmp_path):
    mine = table_form(tmp_path / "mine")
    table = mine / "my.csv"
    table.write_text(table.read_text().replace("path,text,speaker", "Datei,Der Satz,text", 1))
    audio(mine / "audio/more/extra.ogg")
    audio(mine / "beside.wav")
    done = run_data(tmp_path, "--labelled", mine, "--columns", "path=Datei text='Der Satz' speaker=text")
    assert done.returncode == 0, done.stderr
    assert "WARNING: 2 audio files lie beside tables, and no row names them" in done.stdout
    listed = (tmp_path / "data/in_no_row.txt").read_text().split()
    assert {Path(path).name for path in listed} == {"extra.ogg", "beside.wav"}
    sets = sets_of(tmp_path)
    speakers = {speaker for name in ("train", "dev", "test") for speaker in sets[name].utt2spk.values()}
    assert speakers == set("abcdefghij")
    assert "no column wort" in fails(tmp_path, "--labelled", mine, "--columns", "path=Datei text=Wort")
    assert "'texts' is none of" in fails(tmp_path, "--labelled", mine, "--columns", "texts=Wort")


@pytest.mark.parametrize(("make", "message"), [
    (lambda folder: None, "no such folder or table"),
    (lambda folder: folder.mkdir(), "no audio in it"),
    (lambda folder: audio(folder / "x.wav"), "1 audio files and no transcript"),
    (lambda folder: (table_form(folder), shutil.copy(folder / "my.csv", folder / "b.csv")), "2 tables: b.csv, my.csv"),
])  # fmt: skip
def test_sources_with_nothing_to_learn_from_are_told(tmp_path, make, message):
    make(tmp_path / "mine")
    assert message in fails(tmp_path, "--labelled", "mine")


def test_split_column_with_an_unknown_name_and_kaldi_paths_that_lead_nowhere_are_listed(tmp_path):
    mine = table_form(tmp_path / "mine", extra=("split",))
    (mine / "my.csv").write_text((mine / "my.csv").read_text().replace("valid", "check", 1))
    assert "split 'check' is none of train" in fails(tmp_path, "--labelled", mine)
    kaldi = kaldi_form(tmp_path / "kaldi")
    (kaldi / "wav/c1.wav").unlink()
    assert "c1: wav/c1.wav: no such audio file" in fails(tmp_path, "--labelled", kaldi)
    assert run_data(tmp_path, "--labelled", kaldi, "--skip_problems", "true").returncode == 0


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


def test_letters_of_a_second_script_stay_by_the_share_of_transcripts_and_else_are_told_loudly(tmp_path):
    mine = table_form(tmp_path / "mine")
    table = mine / "my.csv"
    spelt = table.read_text().replace("Word a", "Wωrd a").replace("Word b", "Wωrd b")  # 6 of 30: a script
    table.write_text(spelt.replace("Word c no x", "Ж Word c no x"))  # 1 of 30: none
    done = run_data(tmp_path, "--labelled", mine, "--lang", "mdw")
    told = "WARNING: 1 of 30 transcripts (3.3 %) are not learnt from, since they hold letters other than GREEK, LATIN"
    sets = sets_of(tmp_path)
    assert told in done.stdout and "(CYRILLIC: ж 1)" in done.stdout
    assert "c-c0" in sets["unlabelled"].wavs
    assert sum("ω" in words for name in ("train", "dev", "test") for words in sets[name].text.values()) == 6
    done = run_data(tmp_path, "--labelled", mine, "--lang", "mdw", "--scripts", "Latin Greek Cyrillic")
    assert "WARNING" not in done.stdout and "every transcript is used" in done.stdout


@needs_corpora
def test_wrong_language_is_told(tmp_path):
    source = CORPORA / "commonvoice/cv-corpus-6.1-2020-12-11/ar/validated.tsv"
    assert "61 of 61 transcripts have letters that language nl is not written in" in fails(
        tmp_path, "--labelled", source, "--lang", "nl")
