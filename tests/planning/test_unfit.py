"""Utterances that cannot be trained on: listed and refused, or set aside into the pool; on dev they stop nothing."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from espnet_bljust.errors import InputError
from tests.helpers import experiment


def long_transcript(source, folder):
    """A set with 60 tokens in its second utterance, all alike: at least 119 frames, in at most 1.6 s or 80."""
    folder.mkdir()
    for name in ("wav.scp", "utt2num_samples"):
        (folder / name).write_text((source / name).read_text())
    lines = (source / "text").read_text().splitlines()
    lines[1] = f"{lines[1].split()[0]} {'A' * 60}"
    (folder / "text").write_text("\n".join(lines) + "\n")
    return folder


def test_a_training_transcript_too_long_for_ctc_is_listed_with_the_option_that_goes_on(stage, root, tmp_path):
    train_dir = long_transcript(root / "dump/train_labelled", tmp_path / "train_labelled")
    said = r"too_short_for_ctc\.txt: 1 of 7 utterances.*the first: train_labelled-01 .*--skip_broken true"
    with pytest.raises(InputError, match=said):
        stage(train_dir=train_dir)
    (line,) = (tmp_path / "exp/too_short_for_ctc.txt").read_text().splitlines()
    samples = dict(row.split() for row in (train_dir / "utt2num_samples").read_text().splitlines())
    frames = int(samples["train_labelled-01"])
    for _, kernel, stride in yaml.safe_load(experiment.TINY)["trunk_conf"]["conv_layers"]:
        frames = (frames - kernel) // stride + 1
    assert line == f"train_labelled-01 {frames} frames 119 needed"  # 60 tokens and a blank between each two
    assert not (tmp_path / "exp/train.yaml").exists()
    stage()
    assert not (tmp_path / "exp/too_short_for_ctc.txt").exists()  # mended: the list would mislead


def ids(settings, key):
    return [line.split()[0] for line in Path(settings[key][0]).read_text().splitlines()]


def test_with_skip_broken_it_becomes_speech_of_the_pool_and_all_tables_agree(stage, root, tmp_path, capsys):
    train_dir = long_transcript(root / "dump/train_labelled", tmp_path / "train_labelled")
    settings = stage("--skip_broken", "true", train_dir=train_dir)
    assert "1 of 7 labelled utterances, too short for their transcripts, are in the pool instead" in (
        capsys.readouterr().out)
    labelled, pool = (ids(settings, f"{name}_shape_file") for name in ("train", "unlabelled"))
    assert labelled == [f"train_labelled-{index:02d}" for index in (0, 2, 3, 4, 5, 6)]
    assert pool == sorted([f"train_pool-{index:02d}" for index in range(9)] + ["train_labelled-01"])
    folder = tmp_path / "exp/labelled"
    assert settings["train_data_path_and_name_and_type"] == [
        [f"{folder}/wav.scp", "speech", "sound"], [f"{folder}/text", "text", "text"]]
    assert settings["unlabelled_data_path_and_name_and_type"][0][0] == str(tmp_path / "exp/pool/wav.scp")
    for name, table in (("labelled", "wav.scp"), ("labelled", "text"), ("pool", "wav.scp")):
        rows = (tmp_path / "exp" / name / table).read_text().splitlines()
        assert [row.split()[0] for row in rows] == (labelled if name == "labelled" else pool)
    mended = stage("--skip_broken", "true")
    assert ids(mended, "train_shape_file") == [f"train_labelled-{index:02d}" for index in range(7)]
    assert not any((tmp_path / "exp" / name).exists() for name in ("labelled", "pool"))


def test_speech_that_the_pool_has_already_is_not_in_it_twice(stage, root, tmp_path):
    train_dir = long_transcript(root / "dump/train_labelled", tmp_path / "train_labelled")
    settings = stage("--skip_broken", "true", train_dir=train_dir, pool_dir=root / "dump/train_labelled")
    assert settings["unlabelled_shape_file"] == [str(root / "dump/train_labelled/utt2num_samples")]


def test_a_recording_without_a_frame_leaves_both_sets(stage, root, tmp_path):
    shutil.copytree(root / "dump/train_labelled", tmp_path / "set")
    lines = (tmp_path / "set/utt2num_samples").read_text().splitlines()
    (tmp_path / "set/utt2num_samples").write_text("\n".join(["train_labelled-00 399", *lines[1:]]) + "\n")
    sets = {"train_dir": tmp_path / "set", "pool_dir": tmp_path / "set"}
    with pytest.raises(InputError, match="the first: train_labelled-00 0 frames"):
        stage(**sets)
    settings = stage("--skip_broken", "true", **sets)
    for name in ("train", "unlabelled"):
        assert ids(settings, f"{name}_shape_file") == [f"train_labelled-{index:02d}" for index in range(1, 7)]


def test_a_dev_transcript_too_long_for_ctc_is_said_and_stops_nothing(stage, root, tmp_path, capsys):
    settings = stage(valid_dir=long_transcript(root / "dump/dev", tmp_path / "dev"))
    assert "1 dev utterances are too short for their transcripts" in capsys.readouterr().out
    assert re.fullmatch(r"dev-01 \d+ frames 119 needed \(dev\)\n", (tmp_path / "exp/too_short_for_ctc.txt").read_text())
    assert settings["valid_shape_file"] == [str(tmp_path / "dev/utt2num_samples")]


def test_a_dry_run_says_so_too_and_writes_nothing(stage, root, tmp_path):
    train_dir = long_transcript(root / "dump/train_labelled", tmp_path / "train_labelled")
    with pytest.raises(InputError, match="train_labelled: 1 of 7 utterances.*the first: train_labelled-01"):
        stage("--dry_run", "true", train_dir=train_dir)
    stage("--dry_run", "true", "--skip_broken", "true", train_dir=train_dir)
    assert not (tmp_path / "exp").exists()


def test_a_pool_with_nothing_to_mask_is_an_error_unless_the_method_has_no_use_for_it(stage, root, tmp_path):
    shutil.copytree(root / "dump/train_pool", tmp_path / "pool")
    table = (tmp_path / "pool/utt2num_samples").read_text()
    (tmp_path / "pool/utt2num_samples").write_text(re.sub(r" \d+", " 700", table))
    with pytest.raises(InputError, match=r"pool: nothing to mask: all 9 recordings are under 0\.04 s.*supervised"):
        stage(pool_dir=tmp_path / "pool")
    stage("--method", "supervised", pool_dir=tmp_path / "pool")


def test_recordings_too_short_to_be_targets_are_counted_in_the_line_and_in_stats(stage, root, tmp_path, capsys):
    """Two frames of 25 ms, 20 ms apart, are 720 samples: one has no negative in the other."""
    shutil.copytree(root / "dump/train_pool", tmp_path / "pool")
    table = (tmp_path / "pool/utt2num_samples").read_text()
    table = re.sub(r"-01 \d+", "-01 719", re.sub(r"-02 \d+", "-02 720", table))
    (tmp_path / "pool/utt2num_samples").write_text(table)
    stage(pool_dir=tmp_path / "pool")
    said = "1 of 9 recordings of the pool, under 0.04 s, are too short to be targets"
    assert said in capsys.readouterr().out and said in (tmp_path / "exp/stats.md").read_text()
