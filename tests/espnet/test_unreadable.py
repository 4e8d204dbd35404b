"""Audio that breaks after stage 3: training names it, counts it and goes on; too much of it, or dev audio, ends it."""

import math
import re
from pathlib import Path

import pytest
import soundfile
import torch

from espnet_bljust.data.feeding.unreadable import Lost, Unreadable
from espnet_bljust.errors import InputError
from tests.helpers.experiment import history, make_experiment, train

ONE_A_BATCH = ("batch_seconds=0.5", "unlabelled_batch_seconds=0.5", "plan_conf.cycles=3", "plan_conf.joint_steps=4",
               "plan_conf.exploration_steps=3", "plan_conf.final_steps=4", "steps_per_epoch=5")  # fmt: skip
CUT = r"cut short or damaged: \d+ of \d+ bytes are there"


@pytest.fixture
def broken(tmp_path):
    """An experiment in whose batches stands one utterance each; `broken(set, index)` cuts a recording in two."""
    torch.set_num_threads(1)
    exp_dir = make_experiment(tmp_path, *ONE_A_BATCH)

    def cut(name, index, share=0.5):
        path = tmp_path / f"dump/{name}/{name}-{index:02d}.wav"
        whole = path.read_bytes()
        path.write_bytes(whole[: round(share * len(whole))])
        return lambda: path.write_bytes(whole)

    cut.exp_dir = exp_dir
    return cut


def test_truncated_audio_is_named_counted_and_passed_over_in_every_phase(broken, caplog):
    broken("train_labelled", 3)
    broken("train_pool", 5, share=0)
    train(broken.exp_dir, "final", "--num_workers", "1")
    rows = [row for row in history(broken.exp_dir) if row["kind"] == "train"]
    # due: 16 labelled steps over 7 utterances, 17 of the pool over 9
    assert len(rows) == 25 and 2 + 1 <= rows[-1]["unreadable"] <= 3 + 2
    assert all(row["ctc"] is None or math.isfinite(row["ctc"]) for row in rows)
    for kind, name in (("labelled", "train_labelled-03"), ("pool", "train_pool-05")):
        listed = (broken.exp_dir / f"unreadable_{kind}.0.txt").read_text()
        assert listed.startswith(f"{name}: cannot be read: ") and listed.count("\n") == 1
    named = re.findall(rf"passed over: train_labelled-03: .*-03.wav: {CUT}", caplog.text)
    assert len(named) == 1


def test_samples_that_are_no_numbers_are_passed_over_as_what_is_cut_short(broken, caplog):
    path = broken.exp_dir.parent / "dump/train_pool/train_pool-05.wav"
    audio, rate = soundfile.read(path)
    audio[4000] = math.nan
    soundfile.write(path, audio, rate, subtype="FLOAT")
    train(broken.exp_dir, "exploration")
    assert "passed over: train_pool-05: cannot be read: " in caplog.text and "not finite numbers" in caplog.text
    assert [row["unreadable"] for row in history(broken.exp_dir) if row["kind"] == "train"][-1] == 1


def test_more_than_the_limit_ends_the_run_with_the_list_and_mended_it_goes_on(broken):
    mend = [broken("train_pool", index) for index in (1, 2)]
    with pytest.raises(InputError, match=r"unreadable_pool.0.txt: 2 of 9 utterances cannot be read, more than 1%"):
        train(broken.exp_dir)
    assert len((broken.exp_dir / "unreadable_pool.0.txt").read_text().splitlines()) == 2
    for again in mend:
        again()
    train(broken.exp_dir, "exploration")
    assert history(broken.exp_dir)[-1]["step"] == 9


def test_dev_audio_that_cannot_be_read_ends_the_run_by_its_name(broken):
    broken("dev", 1)
    with pytest.raises(InputError, match=rf"dev-01: cannot be read: .*dev-01.wav: {CUT}"):
        train(broken.exp_dir)


@pytest.mark.parametrize(("utterances", "most"), [(9, 1), (199, 1), (1000, 10)])
def test_the_limit_is_a_hundredth_of_a_pass_and_never_a_single_utterance(tmp_path: Path, utterances, most):
    lost = Lost(tmp_path / "list.txt", utterances)
    for index in range(most):
        lost.note([Unreadable(f"u{index}", f"u{index}: gone")] * 2)  # again in a later pass: counted once
    with pytest.raises(InputError, match=f"list.txt: {most + 1} of {utterances} utterances"):
        lost.note([Unreadable("another", "gone")])
    assert len((tmp_path / "list.txt").read_text().splitlines()) == most + 1
