"""egs2/TEMPLATE/bljust/local/data.py: names, tables and letters that are wrong, or only look so."""
import shutil
import unicodedata
from pathlib import Path

import pytest

from tests.helpers.user_corpora import (
    CORPORA,
    ROOT,
    audio,
    fails,
    folder_form,
    kaldi_form,
    needs_corpora,
    run_data,
    sets_of,
    table_form,
)


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


def test_split_column_with_an_unknown_name_and_kaldi_paths_that_lead_nowhere_are_listed(tmp_path):
    mine = table_form(tmp_path / "mine", extra=("split",))
    (mine / "my.csv").write_text((mine / "my.csv").read_text().replace("valid", "check", 1))
    assert "split 'check' is none of train" in fails(tmp_path, "--labelled", mine)
    kaldi = kaldi_form(tmp_path / "kaldi")
    (kaldi / "wav/c1.wav").unlink()
    assert "c1: wav/c1.wav: no such audio file" in fails(tmp_path, "--labelled", kaldi)
    assert run_data(tmp_path, "--labelled", kaldi, "--skip_problems", "true").returncode == 0


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
