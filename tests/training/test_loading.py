"""Processes that read audio: a long TMPDIR does not keep them from handing over, and a dead one is noticed."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from espnet_bljust.errors import InputError
from espnet_bljust.training import loading
from espnet_bljust.training.loading import make_sockets_fit, noticing


class Waves(Dataset):
    """Tensors, which a reader hands over through a socket."""

    def __init__(self, act=lambda: None):
        self.act = act

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index == 1:
            self.act()
        return torch.full((8,), float(index))


def waves(act=lambda: None):
    """What a process of its own reads."""
    return noticing(iter(DataLoader(Waves(act), batch_size=None, num_workers=1, timeout=60)), Path("exp/x"))


@pytest.fixture
def long_tmpdir(tmp_path, monkeypatch):
    """140 characters of TMPDIR."""
    folder = tmp_path / ("x" * (140 - len(str(tmp_path)) - 1))
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_tmpdir_too_long_for_a_socket_is_replaced_and_named(long_tmpdir, capfd):
    make_sockets_fit()
    assert [int(wave[0]) for wave in waves()] == [0, 1, 2]
    assert f"TMPDIR {long_tmpdir}: too long for the path of a socket; /tmp is taken" in capfd.readouterr().err
    assert tempfile.gettempdir() == "/tmp"


def test_the_longest_tmpdir_that_is_left_alone_still_serves(monkeypatch, tmp_path):
    short = tempfile.mkdtemp(dir="/tmp")
    folder = Path(short, "x" * (loading.SOCKET_BYTES - loading.NAME_BYTES - len(short) - 1))
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    make_sockets_fit()
    assert tempfile.gettempdir() == str(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(torch.multiprocessing.current_process()._config, "tempdir", None)
        assert [int(wave[0]) for wave in waves()] == [0, 1, 2]


def test_without_any_short_folder_the_remedy_is_named(long_tmpdir, monkeypatch):
    monkeypatch.setattr(loading, "SHORT_FOLDERS", ())
    with pytest.raises(InputError, match="Set TMPDIR to a folder with a shorter name"):
        make_sockets_fit()


def test_a_reader_that_is_killed_ends_the_training_in_one_line():
    with pytest.raises(InputError, match=r"exp/x: a process that reads audio has ended.*(Killed|exited).*num_workers"):
        list(waves(lambda: os.kill(os.getpid(), signal.SIGKILL)))


def test_an_error_of_the_program_itself_stays_one():
    def fails():
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        list(waves(fails))
