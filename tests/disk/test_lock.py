"""A folder's lock: held by one, and where files cannot be locked, said and gone on without."""

import errno
import fcntl
import os

import pytest

from espnet_bljust.disk.lock import one_run
from espnet_bljust.errors import InputError


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EIO])
def test_a_disk_that_cannot_lock_is_said_in_one_line_and_the_run_goes_on(tmp_path, monkeypatch, capsys, number):
    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", refused)
    with one_run(tmp_path):
        pass
    said = capsys.readouterr().err
    assert f"files cannot be locked here ({os.strerror(number)})" in said and said.count("\n") == 1


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EACCES])
def test_a_lock_that_another_has_stops_this_run(tmp_path, monkeypatch, number):
    def held(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", held)
    with pytest.raises(InputError, match="another run trains here"), one_run(tmp_path):
        pass
