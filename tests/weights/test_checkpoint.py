"""Checkpoints exist whole, damaged ones are named, and the models that links and averages need are kept."""

import errno
import random
import resource
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.errors import InputError
from espnet_bljust.weights.checkpoint import (
    kept_epochs,
    link,
    load,
    load_newest,
    prune,
    ranked,
    save_atomically,
    save_checkpoint,
)

SCORES = st.dictionaries(st.integers(1, 40), st.sampled_from([0.1, 0.2, 0.3, 0.4]), max_size=20)
few = settings(max_examples=100, deadline=None, derandomize=True)


@pytest.fixture
def path(tmp_path):
    state = {"model": {"weight": torch.arange(300.0), "steps": torch.tensor(7)}, "step": 12, "scores": {1: 0.5}}
    save_atomically(state, tmp_path / "checkpoint.pth")
    return tmp_path / "checkpoint.pth"


def test_what_was_saved_is_loaded_and_nothing_else_is_left(path):
    state = load(path)
    assert torch.equal(state["model"]["weight"], torch.arange(300.0))
    assert state["step"] == 12 and state["scores"] == {1: 0.5}
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pth"]


def test_a_save_that_dies_leaves_the_old_checkpoint(path, monkeypatch):
    def dies(state, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies)
    with pytest.raises(KeyboardInterrupt):
        save_atomically({"step": 13}, path)
    assert load(path)["step"] == 12


def test_a_disk_that_takes_no_more_is_named_with_the_file_and_the_old_checkpoint_stays(path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="large") as caught:
            save_checkpoint({"weight": torch.zeros(5000)}, path.parent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name] and load(path)["step"] == 12


def test_a_checkpoint_cut_anywhere_is_named(path):
    data = path.read_bytes()
    for length in [0, 1, 100, *range(200, len(data), 97), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match=r"checkpoint\.pth: not a readable checkpoint"):
            load(path)


def test_a_flipped_bit_is_named_or_changed_nothing(path):
    """torch itself loads a flipped weight without a word. Bits of padding and unused headers may go unseen."""
    data, rng, named = path.read_bytes(), random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            state = load(path)
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            named += 1
        else:
            assert torch.equal(state["model"]["weight"], torch.arange(300.0))
            assert (state["step"], state["scores"], int(state["model"]["steps"])) == (12, {1: 0.5}, 7)
    assert named > 100


def test_every_flipped_bit_of_a_weight_is_named(path):
    data = path.read_bytes()
    start = data.index(torch.arange(300.0).numpy().tobytes())
    for offset in range(0, 1200, 41):
        damaged = bytearray(data)
        damaged[start + offset] ^= 1 << offset % 8
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="check sum"):
            load(path)


def test_a_file_that_holds_code_is_not_run(path):
    class Code:
        def __reduce__(self):
            return print, ("ran",)

    torch.save({"model": Code()}, path)
    with pytest.raises(InputError, match="not a readable checkpoint"):
        load(path)


def steps(folder):
    return {path.name: load(path)["step"] for path in folder.glob("checkpoint*.pth")}


def test_the_last_two_checkpoints_stay(tmp_path):
    for step in range(1, 5):
        save_checkpoint({"step": step}, tmp_path)
    assert steps(tmp_path) == {"checkpoint.pth": 4, "checkpoint.previous.pth": 3}
    assert len(list(tmp_path.iterdir())) == 2


MOVES = ("hardlink_to", "rename", "replace", "unlink")


@pytest.mark.parametrize("hard_links", [True, False])
def test_killed_at_any_move_a_whole_checkpoint_is_there_and_it_goes_on(tmp_path, monkeypatch, hard_links):
    """Each of the first moves in turn is the last one; then all is as if it had never happened."""
    real = {name: getattr(Path, name) for name in MOVES}

    class Killed(BaseException): ...

    def counted(name, left):
        def move(self, *rest, **named):
            if not left:
                raise Killed
            left.pop()
            if name == "hardlink_to" and not hard_links:
                raise OSError(errno.EOPNOTSUPP, "no hard links here")
            return real[name](self, *rest, **named)

        return move

    for moves in range(6):
        folder = tmp_path / str(moves)
        folder.mkdir()
        for step in (1, 2):
            save_checkpoint({"step": step}, folder)
        with monkeypatch.context() as patch:
            left = [None] * moves
            for name in MOVES:
                patch.setattr(Path, name, counted(name, left))
            try:
                save_checkpoint({"step": 3}, folder)
            except Killed:
                pass
        assert load_newest(folder).state["step"] == (3 if moves >= (5 if hard_links else 4) else 2)
        for step in (4, 5):
            save_checkpoint({"step": step}, folder)
        assert steps(folder) == {"checkpoint.pth": 5, "checkpoint.previous.pth": 4}
        assert len(list(folder.iterdir())) == 2


def test_a_link_is_replaced_by_the_new_one(tmp_path):
    for target in ("1epoch.pth", "2epoch.pth"):
        (tmp_path / target).write_text(target)
        link(target, tmp_path / "latest.pth")
    assert (tmp_path / "latest.pth").read_text() == "2epoch.pth" and (tmp_path / "1epoch.pth").exists()


@few
@given(SCORES, st.integers(0, 10))
def test_the_best_and_the_newest_epochs_are_kept_and_at_most_twice_as_many(scores, keep):
    kept = kept_epochs(scores, keep)
    wanted = min(max(keep, 1), len(scores))  # the links need one of each
    assert kept == sorted(set(kept)) and set(kept) <= set(scores)
    assert wanted <= len(kept) <= 2 * wanted
    assert set(sorted(scores)[len(scores) - wanted :]) <= set(kept)
    for epoch in set(scores) - set(kept):  # each epoch dropped has `wanted` better ones, or as good and later
        assert sum((scores[other], -other) < (scores[epoch], -epoch) for other in scores) >= wanted


def test_epochs_of_the_exploration_do_not_push_out_those_that_are_averaged():
    scores = dict.fromkeys(range(1, 6), 0.1) | dict.fromkeys(range(6, 11), 0.2) | dict.fromkeys(range(11, 21), 0.3)
    assert kept_epochs(scores, 5) == [*range(1, 6), *range(16, 21)]
    assert kept_epochs(scores, 5, range(1, 6)) == [*range(6, 11), *range(16, 21)]
    assert ranked({1: 0.1, 2: 0.4}, [1])[0] == 2 and ranked({1: 0.2, 2: 0.1}, [1, 2])[0] == 2


@few
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 4))
def test_no_epoch_that_is_wanted_later_was_dropped_before(cers, keep):
    """Epochs come one by one and what is not kept is gone: the rule must never ask for a file it removed."""
    on_disk: set[int] = set()
    for epoch in range(1, len(cers) + 1):
        on_disk.add(epoch)
        kept = kept_epochs(dict(enumerate(cers[:epoch], 1)), keep)
        assert set(kept) <= on_disk
        on_disk = set(kept)


def test_pruning_removes_epochs_alone(tmp_path):
    names = ["1epoch.pth", "2epoch.pth", "10epoch.pth", "myepoch.pth", "checkpoint.pth", "average.pth", "3epoch.txt"]
    for name in names:
        (tmp_path / name).touch()
    prune(tmp_path, [2])
    assert {file.name for file in tmp_path.iterdir()} == set(names) - {"1epoch.pth", "10epoch.pth"}
