"""egs2/covost2/bljust/local/data.py on real excerpts of Common Voice and on generated trees of its layouts."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.kaldi.directory import read_dir

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "egs2/covost2/bljust"
REAL = ROOT.parent / "shared/corpora/commonvoice"
OLD = "client_id path sentence up_votes down_votes age gender accent locale segment".split()
NEW = ("client_id path sentence_id sentence sentence_domain up_votes down_votes age gender accents variant locale "
       "segment").split()  # fmt: skip
SPEAKERS = 12


def run_data(folder, *words):
    """Stage 1 in ``folder``: the finished process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(RECIPE / "local/data.py"), *map(str, words)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write_rows(path, header, rows, end="\n"):
    """A Common Voice table of ``rows`` (client, clip, sentence)."""
    lines = ["\t".join(header)]
    for client, clip, sentence in rows:
        known = {"client_id": client, "path": clip, "sentence": sentence, "locale": "nl"}
        lines.append("\t".join(known.get(name, "") for name in header))
    path.write_text(end.join(lines) + end, encoding="utf-8", newline="")


def generate(folder, header=OLD, end="\n", count=48):
    """A Dutch release: ``count`` clips of 12 speakers; 6 more clips in other.tsv, of speakers 0 and 11."""
    clips = folder / "nl/clips"
    clips.mkdir(parents=True)
    soundfile.write(clips / "sound.mp3", 0.1 * np.sin(np.arange(16000) / 9), 16000, format="MP3")
    rows = []
    for index in range(count + 6):
        name = f"common_voice_nl_{index}.mp3"
        shutil.copy(clips / "sound.mp3", clips / name)
        speaker = index % SPEAKERS if index < count else 11 * (index % 2)
        rows.append((f"{speaker:0128x}", name, f"Zin \u2019s {chr(97 + index % 26)}, {chr(97 + index // 26)}!"))
    (clips / "sound.mp3").unlink()
    write_rows(folder / "nl/validated.tsv", header, rows[:count], end)
    write_rows(folder / "nl/other.tsv", header, rows[count:], end)
    return rows


@pytest.fixture(params=["real", "generated"])
def release(request, tmp_path):
    """A release with Dutch in it, to do with as a test likes."""
    folder = tmp_path / "cv-corpus-6.1-2020-12-11"
    if request.param == "generated":
        generate(folder)
    elif not REAL.is_dir():
        pytest.skip(f"Common Voice is not at {REAL}")
    else:
        shutil.copytree(REAL / folder.name / "nl", folder / "nl")
    return folder


def sets_of(folder, language="nl"):
    return {name: read_dir(folder / f"data/{name}_{language}", require_text=name != "unlabelled")
            for name in ("train", "dev", "test", "unlabelled")}  # fmt: skip


def table_rows(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]


def test_every_validated_clip_is_in_one_set_and_no_speaker_in_two(release, tmp_path):
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", release)
    assert done.returncode == 0, done.stderr
    sets = sets_of(tmp_path)
    named = [Path(path).name for name in ("train", "dev", "test") for path in sets[name].wavs.values()]
    assert sorted(named) == sorted(row["path"] for row in table_rows(release / "nl/validated.tsv"))
    speakers = {name: set(directory.utt2spk.values()) for name, directory in sets.items()}
    assert not speakers["train"] & speakers["dev"] and not speakers["dev"] & speakers["test"]
    assert not speakers["unlabelled"] & (speakers["dev"] | speakers["test"])
    clients = {row["path"]: row["client_id"] for row in table_rows(release / "nl/validated.tsv")}
    pairs = {(directory.utt2spk[key], clients[Path(path).name])
             for directory in list(sets.values())[:3] for key, path in directory.wavs.items()}  # fmt: skip
    assert len(pairs) == len({short for short, _ in pairs}) == len({client for _, client in pairs})


def test_same_split_and_list_on_another_run_and_from_an_archive(release, tmp_path):
    assert run_data(tmp_path, "--lang", "nl", "--commonvoice", release).returncode == 0
    (tmp_path / "again").mkdir()
    with tarfile.open(tmp_path / "again/nl.tar.gz", "w:gz") as tar:
        tar.add(release, arcname=release.name)
    shutil.rmtree(release)
    done = run_data(tmp_path / "again", "--lang", "nl", "--commonvoice", "nl.tar.gz")
    assert done.returncode == 0, done.stderr
    for name in ("train", "dev", "test"):
        assert sets_of(tmp_path)[name].text == sets_of(tmp_path / "again")[name].text
    listed = [folder / "data/train_nl/nl_2h.txt" for folder in (tmp_path, tmp_path / "again")]
    assert listed[0].read_text() == listed[1].read_text()


def test_half_an_archive_is_refused_and_leaves_nothing(release, tmp_path):
    with tarfile.open(tmp_path / "nl.tar.gz", "w:gz") as tar:
        tar.add(release, arcname=release.name)
    data = (tmp_path / "nl.tar.gz").read_bytes()
    (tmp_path / "nl.tar.gz").write_bytes(data[: len(data) // 2])
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", "nl.tar.gz")
    assert done.returncode == 1 and "not a whole tar archive" in done.stderr
    assert not (tmp_path / "downloads/nl").exists()


def test_archive_that_is_not_what_its_checksum_says_is_not_unpacked(tmp_path):
    generate(tmp_path / "cv")
    with tarfile.open(tmp_path / "nl.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "cv", arcname="cv")
    (tmp_path / "nl.tar.gz.sha256").write_text(f"{0:064x}  nl.tar.gz\n")
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", "nl.tar.gz")
    assert done.returncode == 1 and "nl.tar.gz: SHA-256 " in done.stderr
    assert not (tmp_path / "downloads").exists() and (tmp_path / "nl.tar.gz").exists()


def test_missing_and_empty_clips_are_listed_and_can_be_left_out(release, tmp_path):
    names = [row["path"] for row in table_rows(release / "nl/validated.tsv")]
    (release / "nl/clips" / names[3]).unlink()
    (release / "nl/clips" / names[5]).write_bytes(b"")
    (release / "nl/clips/stray.mp3").write_bytes(b"x")
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", release)
    assert done.returncode == 1 and done.stderr.strip().count("\n") == 0
    assert "2 problems" in done.stderr and "data/nl/problems.txt" in done.stderr
    listed = (tmp_path / "data/nl/problems.txt").read_text().splitlines()
    assert f"{names[3]}: no such clip" in listed[0] and f"{names[5]}: 0 bytes" in listed[1]
    assert not (tmp_path / "data/train_nl").exists()
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", release, "--skip_problems", "true")
    assert done.returncode == 0 and "2 problems, left out" in done.stdout
    assert (tmp_path / "data/nl/clips_in_no_table.txt").read_text() == "stray.mp3\n"
    kept = [Path(path).name for name in ("train", "dev", "test") for path in sets_of(tmp_path)[name].wavs.values()]
    assert sorted(kept) == sorted(set(names) - {names[3], names[5]})


@pytest.mark.parametrize(("damage", "message"), [
    (lambda nl: (nl / "validated.tsv").unlink(), "validated.tsv: no such table, and no split either"),
    (lambda nl: shutil.rmtree(nl / "clips"), "no nl/clips in it"),
    (lambda nl: (nl / "dev.tsv").write_text("client_id\tpath\tsentence\n"), "train.tsv, test.tsv missing"),
    (lambda nl: (nl / "validated.tsv").write_text("client_id\tpath\n"), "no column sentence"),
    (lambda nl: (nl / "validated.tsv").write_bytes(b"client_id\tpath\tsentence\na\tb\t\xff\n"), "not UTF-8"),
])  # fmt: skip
def test_missing_parts_of_a_release_are_named_in_one_line(release, tmp_path, damage, message):
    damage(release / "nl")
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", release)
    assert done.returncode == 1 and done.stderr.strip().count("\n") == 0
    assert message in done.stderr


def test_wrong_language_is_told_by_the_locale_and_by_the_letters(release, tmp_path):
    (release / "mn").symlink_to(release / "nl")
    done = run_data(tmp_path, "--lang", "mn", "--commonvoice", release)
    assert "is of locale nl, not mn" in done.stderr
    table = release / "nl/validated.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("locale", "lokaal"), encoding="utf-8")
    (release / "nl/other.tsv").unlink(missing_ok=True)
    done = run_data(tmp_path, "--lang", "mn", "--commonvoice", release)
    assert done.returncode == 1 and done.stderr.strip().count("\n") == 0
    assert "letters that language mn is not written in (CYRILLIC)" in done.stderr


def test_without_a_release_the_user_is_told_where_to_name_it(tmp_path):
    done = run_data(tmp_path, "--lang", "nl")
    assert done.returncode == 1 and "db.sh: COMMONVOICE is empty" in done.stderr


@pytest.mark.parametrize(("header", "end"), [(OLD, "\n"), (NEW, "\n"), (OLD, "\r\n"), (NEW, "\r\n")])
def test_old_and_new_tables_of_either_line_end_give_the_same_text(tmp_path, header, end):
    generate(tmp_path / "cv", header, end)
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", tmp_path / "cv")
    assert done.returncode == 0, done.stderr
    text = {key.split("-")[1]: words for name in ("train", "dev", "test")
            for key, words in sets_of(tmp_path)[name].text.items()}  # fmt: skip
    assert text == {f"common_voice_nl_{i}": f"zin 's {chr(97 + i % 26)} {chr(97 + i // 26)}" for i in range(48)}


def covost_tables(rows, folder, whole):
    """CoVoST's splits of a generated release: speaker 0 dev, 1 test, 2 and 3 train_covost, 4 to 10 train, 11 none."""
    folder.mkdir()
    split_of = ["dev", "test", "train_covost", "train_covost", *["train"] * (SPEAKERS - 5), None]
    splits = {clip: split_of[index % SPEAKERS] for index, (_, clip, _) in enumerate(rows[:48])}
    kept = {clip: split for clip, split in splits.items() if split}
    if whole:
        lines = "".join(f"{clip}\ttranslation\t{split}\n" for clip, split in kept.items())
        (folder / "covost_v2.nl_en.tsv").write_text("path\ttranslation\tsplit\n" + lines)
        return kept
    for part in ("train", "dev", "test"):
        lines = "".join(f"{clip}\tzin\ttranslation\tclient\n" for clip, split in kept.items() if split.startswith(part))
        (folder / f"covost_v2.nl_en.{part}.tsv").write_text("path\tsentence\ttranslation\tclient_id\n" + lines)
    return kept


@pytest.mark.parametrize("whole", [True, False])
def test_covost_splits_are_kept_and_the_rest_is_unlabelled_but_for_held_out_speakers(tmp_path, whole):
    rows = generate(tmp_path / "cv", NEW)
    splits = covost_tables(rows, tmp_path / "covost", whole)
    source = "covost"
    if whole:  # as it is distributed
        source = "covost_v2.nl_en.tsv.tar.gz"
        with tarfile.open(tmp_path / source, "w:gz") as tar:
            tar.add(tmp_path / "covost/covost_v2.nl_en.tsv", arcname="covost_v2.nl_en.tsv")
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", "cv", "--covost", source, "--label_hours", "0.004")
    assert done.returncode == 0, done.stderr
    sets = sets_of(tmp_path)
    for name in ("train", "dev", "test"):
        clips = {Path(path).name for path in sets[name].wavs.values()}
        assert clips == {clip for clip, split in splits.items() if split.removesuffix("_covost") == name}
    speaker_11 = {clip for client, clip, _ in rows if int(client, 16) == 11}  # in no split, and in other.tsv
    assert {Path(path).name for path in sets["unlabelled"].wavs.values()} == speaker_11
    held = [line.split("\t") for line in (tmp_path / "data/nl/left_out.tsv").read_text().splitlines()[1:]]
    assert [fields[1] for fields in held] == ["speaker_held_out"] * 3
    listed = [line.split() for line in (tmp_path / "data/train_nl/nl_0.004h.txt").read_text().splitlines()]
    order = sorted(sets["train"].wavs, key=lambda utterance: documented_place(utterance, splits if whole else {}))
    assert [utterance for utterance, _ in listed] == order[: len(listed)]
    seconds = [float(length) for _, length in listed]
    assert sum(seconds[:-1]) < 0.004 * 3600 <= sum(seconds)
    samples, rate = soundfile.read(sets["train"].wavs[order[0]])
    assert 0 <= seconds[0] - len(samples) / rate < 4 * 576 / rate  # the encoder's delay, and its tag


def documented_place(utterance, splits):
    name = utterance.split("-")[1] + ".mp3"
    return splits.get(name) == "train_covost", hashlib.sha256(name.encode()).hexdigest()


def test_common_voice_s_own_splits_are_taken_where_there_is_no_covost(tmp_path):
    rows = generate(tmp_path / "cv")
    for split, part in (("train", rows[:6]), ("dev", rows[6:8]), ("test", rows[8:10])):
        write_rows(tmp_path / f"cv/nl/{split}.tsv", OLD, part)
    for with_validated, unlabelled in ((True, 54 - 10 - 3 * 4), (False, 6)):  # those of other.tsv
        done = run_data(tmp_path, "--lang", "nl", "--commonvoice", "cv")
        assert "split by Common Voice" in done.stdout
        assert {name: len(directory.wavs) for name, directory in sets_of(tmp_path).items()} == {
            "train": 6, "dev": 2, "test": 2, "unlabelled": unlabelled}  # fmt: skip
        if with_validated:
            (tmp_path / "cv/nl/validated.tsv").unlink()


def test_split_of_another_release_and_a_clip_in_two_splits_are_told(tmp_path):
    rows = generate(tmp_path / "cv")
    covost_tables(rows, tmp_path / "covost", True)
    with (tmp_path / "covost/covost_v2.nl_en.tsv").open("a") as file:
        file.write("common_voice_nl_999.mp3\tx\ttrain\ncommon_voice_nl_0.mp3\tx\ttrain\n")
    done = run_data(tmp_path, "--lang", "nl", "--commonvoice", "cv", "--covost", "covost")
    assert "2 problems, first: common_voice_nl_0.mp3: in dev and train of CoVoST 2." in done.stderr
    listed = (tmp_path / "data/nl/problems.txt").read_text()
    assert "common_voice_nl_999.mp3: in a split of CoVoST 2, but not in validated.tsv" in listed


def test_foreign_letters_and_on_request_digits_cost_a_training_utterance_its_text_alone(tmp_path):
    generate(tmp_path / "cv")
    table = tmp_path / "cv/nl/validated.tsv"
    text = table.read_text(encoding="utf-8").replace("Zin \u2019s c, a!", "Zin 7")
    table.write_text(text.replace("Zin \u2019s d, a!", "Zin \u0436"), encoding="utf-8")
    splits = covost_tables([(None, f"common_voice_nl_{i}.mp3", None) for i in range(48)], tmp_path / "covost", True)
    assert splits["common_voice_nl_2.mp3"] == splits["common_voice_nl_3.mp3"] == "train_covost"
    words = ["--lang", "nl", "--commonvoice", "cv", "--covost", "covost"]
    for digits, gone in (("keep", {"3"}), ("reject", {"2", "3"})):
        assert run_data(tmp_path, *words, "--digits", digits).returncode == 0
        sets = sets_of(tmp_path)
        away = {key.split("_")[-1] for key in sets["unlabelled"].wavs} & {"2", "3"}
        assert away == gone and not {key.split("_")[-1] for key in sets["train"].wavs} & gone
        reasons = (tmp_path / "data/nl/left_out.tsv").read_text()
        assert "\tforeign_letters \u0436\tZin \u0436" in reasons
        assert ("\tdigits_or_symbols 7\tZin 7" in reasons) == (digits == "reject")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"Common Voice is not at {REAL}")
@pytest.mark.parametrize(("language", "count"), [("nl", 60), ("mn", 60), ("ar", 61), ("tw", 225)])
def test_every_real_excerpt_is_prepared(tmp_path, language, count):
    root = REAL / ("cv-corpus-tw" if language == "tw" else "cv-corpus-6.1-2020-12-11")
    done = run_data(tmp_path, "--lang", language, "--commonvoice", root)
    assert done.returncode == 0, done.stderr
    sets = sets_of(tmp_path, language)
    assert sum(len(sets[name].wavs) for name in ("train", "dev", "test")) == count
    hours = [path.name for path in (tmp_path / f"data/train_{language}").glob("*h.txt")]
    assert hours == {"nl": ["nl_2h.txt"], "mn": ["mn_3h.txt"], "ar": ["ar_2h.txt"]}.get(language, [])
