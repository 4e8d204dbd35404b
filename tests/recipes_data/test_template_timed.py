"""Transcripts with times beside a user's audio: ELAN, Praat and captions, as their own libraries write them."""

import pympi
import pytest
from praatio import textgrid
from praatio.data_classes.interval_tier import IntervalTier

from tests.recipes_data.test_template import audio, fails, folder_form, run_data, sets_of

SPEECH = [(0.0, 0.08, "Word one!"), (0.1, 0.15, "word two"), (0.15, 0.2, "")]  # of 0.2 s
CAPTIONS = {
    "srt": "1\n00:00:00,000 --> 00:00:00,080\nWord\n<i>one!</i>\n\n2\n00:00:00,100 --> 00:00:00,150\nword two\n",
    "vtt": "WEBVTT\n\nNOTE by hand\n\n"
           "00:00.000 --> 00:00.080 align:start\nWord one!\n\n00:00.100 --> 00:00.150\nword two\n",
}


def elan(path, tiers, participants=None):
    document = pympi.Eaf()
    document.remove_tier("default")
    for name, rows in tiers.items():
        document.add_tier(name, part=(participants or {}).get(name))
        for start, end, text in rows:
            document.add_annotation(name, round(1000 * start), round(1000 * end), text)
    document.to_file(str(path))


def praat(path, tiers, form="long_textgrid"):
    grid = textgrid.Textgrid()
    for name, rows in tiers.items():
        grid.addTier(IntervalTier(name, [row for row in rows if row[2]], 0, 0.2))
    grid.save(str(path), form, True)


def write(kind, stem):
    if kind == "eaf":
        elan(stem.with_suffix(".eaf"), {"words": SPEECH, "notes": []})
    elif kind in CAPTIONS:
        stem.with_suffix(f".{kind}").write_text(CAPTIONS[kind])
    else:
        praat(stem.with_suffix(".TextGrid"), {"words": SPEECH}, kind)


@pytest.mark.parametrize("kind", ["eaf", "long_textgrid", "short_textgrid", "srt", "vtt"])
def test_every_stretch_with_words_is_an_utterance_of_its_times(tmp_path, kind):
    for speaker in "abcd":
        audio(tmp_path / "mine" / speaker / "long.wav")
        write(kind, tmp_path / "mine" / speaker / "long")
    done = run_data(tmp_path, "--labelled", "mine")
    assert done.returncode == 0, done.stderr
    sets = sets_of(tmp_path)
    text = {name: words for part in ("train", "dev", "test") for name, words in sets[part].text.items()}
    assert text == {f"{speaker}-long-{times}": words for speaker in "abcd" for times, words in (
        ("00000000-00000080", "word one"), ("00000100-00000150", "word two"))}  # fmt: skip
    segments = {name: segment for part in ("train", "dev", "test") for name, segment in sets[part].segments.items()}
    assert segments["b-long-00000100-00000150"] == ("b-long", 0.1, 0.15)


def test_of_several_tiers_the_named_ones_are_read_and_tell_their_speakers(tmp_path):
    mine = folder_form(tmp_path / "mine")
    audio(mine / "talk.wav")
    tiers = {"A one": SPEECH[:1], "B": SPEECH[1:2], "gloss": [(0.0, 0.1, "x")]}
    elan(mine / "talk.eaf", tiers, {"B": "Berta"})
    error = fails(tmp_path, "--labelled", mine)
    assert "talk.eaf: several tiers hold text: A one (1), B (1), gloss (1). Name those to read" in error
    done = run_data(tmp_path, "--labelled", mine, "--tiers", "'A one' B")
    assert done.returncode == 0, done.stderr
    told = {name: speaker for part in sets_of(tmp_path).values() for name, speaker in part.utt2spk.items()}
    speakers = {name: speaker for name, speaker in told.items() if "talk-" in name}
    assert speakers == {"A_one-talk-00000000-00000080": "A_one", "Berta-talk-00000100-00000150": "Berta"}
    assert "no tier 'C'; there are A one, B, gloss" in fails(tmp_path, "--labelled", mine, "--tiers", "C")


@pytest.mark.parametrize(("ending", "content", "message"), [
    (".eaf", "<ANNOTATION_DOCUMENT>", "talk.eaf: cannot be read"),
    (".TextGrid", "no grid", "talk.TextGrid: cannot be read"),
    (".vtt", "WEB", "talk.vtt: cannot be read"),
    (".srt", "1\n00:00:02,000 --> 00:00:01,000\nword\n", "talk.srt: 'word' is from"),
    (".lab", "0 1250000 sil\n1250000 2000000 w\n", "talk.lab:1: times of HTK"),
    (".srt", "1\n00:00:00,000 --> 00:00:01,000\nw\ufffdrd\n", "talk.srt: 0.00 s: U+FFFD in the transcript"),
])  # fmt: skip
def test_files_that_cannot_be_read_are_problems(tmp_path, ending, content, message):
    mine = folder_form(tmp_path / "mine")
    audio(mine / "talk.wav")
    (mine / f"talk{ending}").write_text(content)
    assert message in fails(tmp_path, "--labelled", mine)


def test_other_endings_of_text_and_which_is_read_where_several_lie_beside_audio(tmp_path):
    mine = folder_form(tmp_path / "mine")
    for number, path in enumerate(sorted(mine.rglob("*[0-9].txt"))):
        path.with_suffix(".fr").write_text("mot")
        path.rename(path.with_suffix([".lab", ".mb", ".txt"][number % 3]))
    (mine / "a/a0.srt").write_text(CAPTIONS["srt"])
    done = run_data(tmp_path, "--labelled", mine)
    assert sum(len(sets_of(tmp_path)[part].text) for part in ("train", "dev", "test")) == 30
    assert "not read: 1 .srt (--text_ending says which are)" in done.stdout
    run_data(tmp_path, "--labelled", mine, "--text_ending", "fr")
    assert {words for part in ("train", "dev", "test") for words in sets_of(tmp_path)[part].text.values()} == {"mot"}


def test_a_list_of_transcripts_is_torn_by_line_feeds_alone(tmp_path):
    words = {"a-1": "one\u2028two", "b-1": "three\x85four", "c-1": "five\x0csix", "d-1": "seven"}
    for name in words:
        audio(tmp_path / "mine" / name[0] / f"{name}.wav")
        (tmp_path / "mine" / name[0] / "x.trans.txt").write_text(f"{name} {words[name]}\r\n", newline="")
    assert run_data(tmp_path, "--labelled", "mine").returncode == 0
    text = {name: spoken for part in ("train", "dev", "test") for name, spoken in sets_of(tmp_path)[part].text.items()}
    assert text == {"a-1": "one two", "b-1": "three four", "c-1": "five six", "d-1": "seven"}
