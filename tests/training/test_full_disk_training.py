"""A disk that fills up in training and decoding: one line, the last checkpoint stands, and with space it goes on."""

import shutil

import pytest
import torch

from espnet_bljust import command
from espnet_bljust.bin import average, decode, train
from tests.helpers.experiment import make_experiment, weights

pytest_plugins = ("tests.helpers.disk",)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """An experiment trained to its end, with its average."""
    torch.set_num_threads(1)
    exp_dir = make_experiment(tmp_path_factory.mktemp("whole"), "keep_nbest_models=1")
    train.main(train.get_parser().parse_args(["--exp_dir", str(exp_dir), "--until", "final", "--num_workers", "0"]))
    average.main(average.get_parser().parse_args(["--exp_dir", str(exp_dir), "--nbest", "2"]))
    return exp_dir


@pytest.fixture
def refuse(monkeypatch, capsys):
    """`refuse(parser, main, *words)`: what a command says when it ends with status 1."""

    def call(parser, main, *words):
        monkeypatch.setattr("sys.argv", ["command", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            command.run(parser, main)
        assert left.value.code == 1
        return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]

    return call


def test_training_on_a_full_disk_is_one_line_and_goes_on_with_space(unbroken, disk, refuse, tmp_path):
    checkpoint = (unbroken / "checkpoint.pth").stat().st_size // 1024
    exp_dir = tmp_path / "small"
    disk(exp_dir, 2 * checkpoint)  # one checkpoint, and no room for the next one beside it
    for name in ("train.yaml", "plan.json"):
        shutil.copy(unbroken / name, exp_dir)
    words = ["--exp_dir", exp_dir, "--until", "final", "--num_workers", "0"]
    assert [line.partition(": ")[2].partition(": ")[2] for line in
            refuse(train.get_parser(), train.main, *words)] == [disk.full]
    disk.again("size=64m")
    train.main(train.get_parser().parse_args(list(map(str, words))))
    whole, found = weights(unbroken), weights(exp_dir)
    assert all(torch.equal(found[name], whole[name]) for name in whole)


def test_decoding_on_a_full_disk_is_one_line_and_goes_on_with_space(unbroken, disk, refuse, tmp_path):
    out_dir = tmp_path / "decoded"
    disk(out_dir, 8)
    filler = out_dir / "filler"
    filler.write_bytes(b"x" * 8192)
    words = ["--exp_dir", unbroken, "--data_dir", unbroken.parent / "dump/dev", "--out_dir", out_dir]
    (line,) = refuse(decode.get_parser(), decode.main, *words)
    assert disk.full in line and "decoded/part.1/text" in line
    (line,) = refuse(decode.get_parser(), decode.main, *words, "--finish", "true")
    assert "part.1" in line and not (out_dir / "text").exists()
    filler.unlink()
    disk.again("size=1m")
    for more in ([], ["--finish", "true"]):
        decode.main(decode.get_parser().parse_args([*map(str, words), *more]))
    assert len((out_dir / "text").read_text().splitlines()) == 3
