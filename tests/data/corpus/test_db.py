"""db.sh as text, and folders of audio without transcripts."""

import re

import numpy as np
import pytest
import soundfile

from espnet_bljust.data.corpus.db import read_db
from espnet_bljust.data.corpus.folder import scan_audio_folder
from espnet_bljust.data.kaldi.directory import read_dir
from espnet_bljust.data.kaldi.new_sets import grow_sets, place_sets
from espnet_bljust.errors import InputError


def test_db_is_read_as_the_shell_would(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/homes/me")
    db = tmp_path / "db.sh"
    db.write_text("# c\nA=/a  # note\nB=\nexport C='/with space'\nD=\"$HOME/d\"\nE=   # none\n\nF=~/f\n")
    assert read_db(db) == {"A": "/a", "C": "/with space", "D": "/homes/me/d", "F": "/homes/me/f"}


def test_db_line_that_is_no_assignment_is_named(tmp_path):
    (tmp_path / "db.sh").write_text("A=/a\nif true\n")
    with pytest.raises(InputError, match=r"db.sh:2: 'if true'"):
        read_db(tmp_path / "db.sh")


def make_audio(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(1600, np.int16), 16000)


def test_folder_of_audio_becomes_a_valid_data_directory_with_a_speaker_a_subfolder(tmp_path):
    source = tmp_path / "pool"
    make_audio(
        source / "a b" / "x 1.flac", source / "a b" / "y.wav", source / "c" / "d" / "z.flac", source / "top.flac"
    )
    (source / "notes.txt").write_text("no audio")
    rows = scan_audio_folder(source, prefix="u_")
    assert grow_sets(tmp_path, {"data": rows}, without_text={"data"}) == []
    place_sets(tmp_path, ["data"])
    assert read_dir(tmp_path / "data").utt2spk == {
        "u_a_b-x_1": "u_a_b",
        "u_a_b-y": "u_a_b",
        "u_c_d-z": "u_c_d",
        "u_pool-top": "u_pool",
    }


def test_linked_folders_are_read_and_a_link_that_leads_round_ends(tmp_path):
    make_audio(tmp_path / "disk" / "x.flac", tmp_path / "pool" / "s" / "y.flac")
    (tmp_path / "pool" / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "pool" / "s" / "round").symlink_to(tmp_path / "pool")
    (tmp_path / "pool" / "twice").symlink_to(tmp_path / "disk")
    assert sorted(row.name for row in scan_audio_folder(tmp_path / "pool")) == ["linked-x", "s-y"]
    (row,) = scan_audio_folder(tmp_path / "pool", skip={"linked", "twice"})
    assert row.name == "s-y"


def test_two_files_with_one_id_are_both_named(tmp_path):
    make_audio(tmp_path / "s" / "x 1.flac", tmp_path / "s" / "x_1.flac")
    (problem,) = grow_sets(tmp_path, {"data": scan_audio_folder(tmp_path / "s")}, without_text={"data"})
    assert re.search(r"x_1\.flac: the id s-x_1 is that of .*x 1\.flac", problem)


def test_folder_without_audio_is_named(tmp_path):
    with pytest.raises(InputError, match="no audio in it"):
        list(scan_audio_folder(tmp_path))
