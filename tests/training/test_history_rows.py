"""history.jsonl as the trainer writes it: no step stands twice and no half line stays, whatever was killed."""

import json
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from espnet_bljust.errors import InputError
from espnet_bljust.scoring.history import read_history
from espnet_bljust.training import history_rows as module
from espnet_bljust.training.history_rows import History


class Silent:
    """In the place of TensorBoard's writer, which is slow to open."""

    def __init__(self, *_, **__): ...

    def add_scalar(self, *_): ...

    def close(self): ...


@pytest.fixture
def silent(monkeypatch):
    monkeypatch.setattr(module, "SummaryWriter", Silent)


def rows(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def write(folder, resumed_step, steps):
    history = History(folder, resumed_step)
    for step in steps:
        history.add("train", step, {"ctc": float(step)})
    history.close()


def test_rows_beyond_the_resumed_step_are_forgotten(tmp_path, silent):
    write(tmp_path, 0, range(1, 8))
    write(tmp_path, 4, [])
    assert [row["step"] for row in rows(tmp_path)] == [1, 2, 3, 4]


def test_a_history_cut_at_any_byte_goes_on_whole_and_without_a_step_twice(tmp_path, silent):
    write(tmp_path, 0, range(1, 6))
    data = (tmp_path / "history.jsonl").read_bytes()
    for length in range(len(data)):
        (tmp_path / "history.jsonl").write_bytes(data[:length])
        whole = data[:length].count(b"\n")
        write(tmp_path, whole, [whole + 1])
        assert [row["step"] for row in rows(tmp_path)] == list(range(1, whole + 2))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), min_size=1, max_size=6))
def test_any_chain_of_kills_and_restarts_leaves_the_steps_in_order_once(tmp_path_factory, chain):
    """Each call goes back some steps, to its checkpoint, and writes some."""
    folder, reached = tmp_path_factory.mktemp("chain"), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SummaryWriter", Silent)
        for back, forward in chain:
            resumed = max(0, reached - back)
            reached = resumed + forward
            write(folder, resumed, range(resumed + 1, reached + 1))
    assert [row["step"] for row in rows(folder)] == list(range(1, reached + 1))


def test_a_broken_line_in_the_middle_is_named_with_its_number(tmp_path, silent):
    for broken in ("not json", "[1]", '{"kind": "train"}', '{"step": null}', "\x00\x00"):
        (tmp_path / "history.jsonl").write_text(f'{{"kind": "train", "step": 1}}\n{broken}\n{{"step": 2}}\n')
        with pytest.raises(InputError, match=r"history\.jsonl:2: not a line of history"):
            History(tmp_path, 9)
        assert broken in (tmp_path / "history.jsonl").read_text()  # nothing is lost by the refusal


def test_values_that_are_not_finite_are_null_and_the_file_stays_strict_json(tmp_path, silent):
    history = History(tmp_path, 0)
    history.add("train", 1, {"ctc": float("nan"), "contrastive": float("inf"), "norm": None, "phase": "joint"})
    (line,) = (tmp_path / "history.jsonl").read_text().splitlines()
    strict = json.loads(line, parse_constant=lambda name: pytest.fail(name))
    assert strict == {"kind": "train", "step": 1, "ctc": None, "contrastive": None, "norm": None, "phase": "joint"}


def test_the_reader_of_figures_and_averages_reads_what_the_trainer_writes(tmp_path, silent):
    history = History(tmp_path, 0)
    history.add("train", 1, {"phase": "joint", "ctc": 2.5})
    history.add("valid", 1, {"epoch": 1, "cer": 0.5})
    read = read_history(tmp_path / "history.jsonl")
    assert read.train == [{"kind": "train", "step": 1, "phase": "joint", "ctc": 2.5}]
    assert read.valid == [{"kind": "valid", "step": 1, "epoch": 1, "cer": 0.5}]


def test_tensorboard_forgets_the_same_steps(tmp_path):
    torch.manual_seed(0)
    write(tmp_path, 0, [1, 2, 3])
    time.sleep(1.1)  # TensorBoard reads its files by name, and the name has the second; no run is resumed within one
    write(tmp_path, 1, [2])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/ctc")] == [(1, 1.0), (2, 2.0)]
