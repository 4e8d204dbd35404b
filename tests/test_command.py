"""What every command does around its own work."""

import argparse
import errno
import os

import pytest

from espnet_bljust.command import run
from espnet_bljust.errors import InputError


def failing(error):
    def main(options):
        raise error

    return main


def parser():
    made = argparse.ArgumentParser(prog="thing")
    made.add_argument("--count", type=int)
    return made


@pytest.mark.parametrize(("number", "name", "expected"), [
    (errno.ENOENT, "conf/x.yaml", "error: conf/x.yaml: no such file or directory. Correct the name, "
                                  "or run the stage that makes it.\n"),
    (errno.ENOSPC, "dump/a.flac", "error: dump/a.flac: no space left on device. Free some space (df -h shows where), "
                                  "then run the stage again.\n"),
    (errno.EROFS, "dump", "error: dump: read-only file system. Choose folders on a disk that can be written "
                          "(--dumpdir, --expdir).\n"),
])
def test_what_the_system_refuses_is_one_line_with_a_remedy(monkeypatch, capsys, number, name, expected):
    monkeypatch.setattr("sys.argv", ["thing"])
    with pytest.raises(SystemExit) as left:
        run(parser(), failing(OSError(number, os.strerror(number), name)))
    assert left.value.code == 1 and capsys.readouterr().err == expected


def test_a_stranger_s_file_neither_steers_the_terminal_nor_fills_it(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["thing"])
    with pytest.raises(SystemExit):
        run(parser(), failing(InputError("a\x1b[2J\r\udcff\u202e\u00fc: bad. " + "x" * 10**6)))
    said = capsys.readouterr().err
    assert said.startswith("error: a\\x1b[2J\\r\\udcff\\u202e\u00fc: bad. xxx") and len(said) < 2100
    assert said[:-1].isprintable()


def test_a_wrong_option_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["thing", "--count", "x"])
    with pytest.raises(SystemExit) as left:
        run(parser(), failing(AssertionError))
    assert left.value.code == 2
    expected = "thing: argument --count: invalid int value: 'x'. thing --help lists the options.\n"
    assert capsys.readouterr().err == expected
