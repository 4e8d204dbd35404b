import json

import numpy as np
import pytest
import soundfile

from espnet_bljust.bin.data_report import get_parser, main
from espnet_bljust.data.preparation.format import FormatOptions, format_part
from espnet_bljust.data.preparation.format_merge import merge_parts


def format_set(data_dir, out):
    format_part(data_dir, out, part=(1, 1), options=FormatOptions())
    merge_parts(data_dir, out, num_jobs=1, options=FormatOptions(), skip_broken=False)


@pytest.fixture
def dump(tmp_path, make_dir, make_tone):
    """train: 1 s loud and clipped, 2 s, the same again, 3 s of silence; dev: the 2 s once more."""
    audio = {"loud": make_tone(1.0) * 3.9, "speech": make_tone(2.0, seed=1), "silence": np.ones(48000)}
    for name, samples in audio.items():
        soundfile.write(tmp_path / f"{name}.wav", np.clip(samples, -32768, 32767).astype(np.int16), 16000)
    texts = {"a": ("s1", "GO GO", "loud"), "b": ("s1", "YES", "speech"), "c": ("s2", "YES", "speech")}
    texts["d"] = ("s2", "NO", "silence")
    rows = [(key, speaker, words, tmp_path / f"{name}.wav") for key, (speaker, words, name) in texts.items()]
    format_set(make_dir(tmp_path / "data" / "train", rows), tmp_path / "dump" / "train")
    dev = [("e", "s2", "YES X", tmp_path / "speech.wav")]
    format_set(make_dir(tmp_path / "data" / "dev", dev), tmp_path / "dump" / "dev")
    tokens = ["<blank>", "<unk>", "<space>", *"GOYESN", "<sos/eos>"]
    (tmp_path / "tokens.txt").write_text("".join(f"{token}\n" for token in tokens))
    return tmp_path / "dump"


def run_report(dump):
    out = dump.parent / "report"
    tokens = ["--token_list", str(dump.parent / "tokens.txt"), "--token_type", "char"]
    main(get_parser().parse_args(["--dump_dir", str(dump), "--sets", "train dev", *tokens, "--out_dir", str(out)]))
    return out


def test_every_number_is_the_one_counted_by_hand(dump):
    numbers = json.loads((run_report(dump) / "report.json").read_text())
    train, dev = numbers["sets"]["train"], numbers["sets"]["dev"]
    assert (train["utterances"], train["speakers"], train["hours"]) == (4, 2, pytest.approx(8 / 3600))
    assert train["seconds_percentiles"]["0"] == 1.0 and train["seconds_percentiles"]["100"] == 3.0
    assert train["faults"] == {"clipped": 1, "silent": 1, "duplicate": 1}
    assert train["characters"]["O"] == 3 and train["characters"][" "] == 1
    assert (train["words"], train["distinct_words"], train["distinct_sentences"]) == (5, 3, 3)
    assert (train["tokens"], train["unknown_tokens"]) == (13, 0)
    assert (dev["oov_words"], dev["unknown_tokens"], dev["tokens"]) == (1, 1, 5)
    shared = {"sets": ["train", "dev"], "speakers": 1, "sentences": 0, "ids": 0, "audio": 1}
    assert numbers["overlaps"] == [shared]


def test_the_report_names_offenders_and_shows_its_pictures(dump):
    out = run_report(dump)
    lines = (out / "offenders.txt").read_text().splitlines()
    assert lines == ["train clipped a", "train silent d", "train duplicate c"]
    assert (out / "text_outliers.txt").read_text().splitlines() == [
        "# set\tutterance\tcharacters a second\trobust z\ttranscript"]  # of four utterances nothing can be said
    text = (out / "report.md").read_text()
    assert "| train | 4 | 0.00 | 2 | 1.00 |" in text and "| train and dev | 1 | 0 | 0 | 1 |" in text
    for name in ("lengths.png", "characters.png"):
        assert f"({name})" in text and (out / name).read_bytes().startswith(b"\x89PNG")


def test_made_twice_the_report_is_the_same_to_the_byte(dump, tree):
    first = tree(run_report(dump))
    assert tree(run_report(dump)) == first


def test_a_set_without_text_shares_no_count_of_sentences(dump):
    (dump / "dev" / "text").unlink()
    out = run_report(dump)
    numbers = json.loads((out / "report.json").read_text())
    assert numbers["overlaps"][0]["sentences"] is None and "words" not in numbers["sets"]["dev"]
    assert "| train and dev | 1 | - | 0 | 1 |" in (out / "report.md").read_text()


def test_transcripts_of_another_length_are_listed_with_what_they_say(dump):
    """Eight utterances of 2 s; seven of 4 to 6 letters, one of 60."""
    folder = dump / "train"
    rows = {table: (folder / table).read_text().splitlines()[1].split(" ", 1)[1] for table in
            ("wav.scp", "utt2spk", "utt2num_samples", "utt2hash", "utt2level")}
    for table, value in rows.items():
        (folder / table).write_text("".join(f"u{index} {value}\n" for index in range(8)))
    texts = ["YES GO", "NOGO", "YESNO", "GOGO NO", "YES NO", "YESN", "GO " * 30, "NO YES"]
    (folder / "text").write_text("".join(f"u{index} {text.strip()}\n" for index, text in enumerate(texts)))
    out = run_report(dump)
    _, row = (out / "text_outliers.txt").read_text().splitlines()
    name, utterance, rate, z, text = row.split("\t")
    assert (name, utterance, rate, text) == ("train", "u6", "30.00", ("GO " * 30).strip())
    assert float(z) > 3.5 and json.loads((out / "report.json").read_text())["sets"]["train"]["text_outliers"] == 1
