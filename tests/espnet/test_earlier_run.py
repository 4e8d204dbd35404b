"""An experiment that an earlier version began goes on as it would have gone on there.

earlier_run/ was written by commit 6d93167 at step 4 of 9: train.yaml, the checkpoint, and history.jsonl of the whole
run by that version; without dropout, whose draws may change. In float64, where other processors round too little to be
seen.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.helpers.experiment import TOKENS, history, make_set, train

EARLIER = Path(__file__).parent / "earlier_run"


@pytest.fixture
def exp_dir(tmp_path, monkeypatch):
    """The experiment beside its data, whose names in train.yaml are relative."""
    monkeypatch.chdir(tmp_path)
    for name, count, seed in (("train_labelled", 7, 1), ("train_pool", 9, 2), ("dev", 3, 3)):
        make_set(Path("dump") / name, count, seed, text=name != "train_pool")
    Path("tokens.txt").write_text("\n".join(TOKENS) + "\n")
    Path("exp").mkdir()
    for name in ("train.yaml", "checkpoint.pth"):
        shutil.copy(EARLIER / name, "exp")
    return Path("exp")


def test_a_train_yaml_and_checkpoint_of_an_earlier_version_go_on_step_by_step(exp_dir):
    train(exp_dir)
    due = {(row["kind"], row["step"]): row for row in map(json.loads, (EARLIER / "history.jsonl").open())}
    found = {(row["kind"], row["step"]): row for row in history(exp_dir)}
    assert set(found) == {(kind, step) for kind, step in due if step > 4}
    for place, row in found.items():  # which may say more today
        for name in due[place].keys() - {"seconds"}:
            expected = due[place][name]
            exact = expected is None or isinstance(expected, str)
            assert row[name] == (expected if exact else pytest.approx(expected, rel=1e-7)), (place, name)
    assert torch.load(exp_dir / "checkpoint.pth", weights_only=True)["step"] == 9
