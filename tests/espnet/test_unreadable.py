"""Audio that breaks after stage 3: training names it, counts it and goes on; too much of it ends it."""

import math
import re
from pathlib import Path

import editdistance
import pytest
import soundfile
import torch

from espnet_bljust.data.feeding.unreadable import Lost, Unreadable
from espnet_bljust.decoding.recogniser import Recogniser
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


@pytest.mark.parametrize("silent", [False, True])
def test_a_dev_utterance_that_cannot_be_heard_is_named_once_and_counts_as_deleted(broken, caplog, silent):
    """The other two are recognised anew from each epoch's weights, and their edits counted here."""
    exp_dir, dev = broken.exp_dir, broken.exp_dir.parent / "dump/dev"
    broken("dev", 1)
    if silent:  # whole, and too short for a frame
        soundfile.write(dev / "dev-01.wav", torch.ones(300).numpy(), 16000)
        table = (dev / "utt2num_samples").read_text()
        (dev / "utt2num_samples").write_text(re.sub("dev-01 .*", "dev-01 300", table))
    train(exp_dir)
    reason = "300 samples give no frame" if silent else CUT
    assert len(re.findall(f"passed over: dev-01: cannot be .*{reason}", caplog.text)) == 1
    assert (exp_dir / "unreadable_dev.0.txt").read_text().count("\n") == 1
    text = dict(line.split() for line in (dev / "text").read_text().splitlines())
    rows = [row for row in history(exp_dir) if row["kind"] == "valid"]
    for row in rows[-2:]:  # those whose weights are kept
        recogniser = Recogniser.from_experiment(exp_dir, exp_dir / f"{row['epoch']}epoch.pth")
        edits = len(text["dev-01"])
        for name in ("dev-00", "dev-02"):
            wave = torch.from_numpy(soundfile.read(dev / f"{name}.wav", dtype="float32")[0])
            edits += editdistance.eval(text[name], recogniser([wave])[0].text)
        assert row["cer"] == pytest.approx(edits / 12)
        assert math.isfinite(row["ctc"])


def test_dev_audio_of_which_most_is_lost_ends_the_run(broken):
    for index in (0, 1):
        broken("dev", index)
    with pytest.raises(InputError, match=r"unreadable_dev.0.txt: 2 of 3 utterances cannot be read, more than 50%"):
        train(broken.exp_dir)


def test_a_dev_utterance_without_a_ctc_path_has_no_part_in_the_mean_loss(tmp_path):
    """Its transcript is longer than its frames; the mean over the other two is that of a set of them alone."""
    torch.set_num_threads(1)
    exp_dirs = [make_experiment(tmp_path), None]
    dev = tmp_path / "dump/dev"
    (dev / "text").write_text(re.sub("dev-01 .*", f"dev-01 {'A' * 90}", (dev / "text").read_text()))
    exp_dirs[1] = make_experiment(tmp_path)
    train(exp_dirs[1], "exploration")
    for table in ("wav.scp", "text", "utt2num_samples"):
        lines = (dev / table).read_text().splitlines(keepends=True)
        (dev / table).write_text(lines[0] + lines[2])
    train(exp_dirs[0], "exploration")
    two, three = (next(row["ctc"] for row in history(one) if row["kind"] == "valid") for one in exp_dirs)
    assert three == pytest.approx(two, rel=1e-5)


@pytest.mark.parametrize(("utterances", "most"), [(9, 1), (199, 1), (1000, 10)])
def test_the_limit_is_a_hundredth_of_a_pass_and_never_a_single_utterance(tmp_path: Path, utterances, most):
    lost = Lost(tmp_path / "list.txt", utterances)
    for index in range(most):
        lost.note([Unreadable(f"u{index}", f"u{index}: gone")] * 2)  # again in a later pass: counted once
    with pytest.raises(InputError, match=f"list.txt: {most + 1} of {utterances} utterances"):
        lost.note([Unreadable("another", "gone")])
    assert len((tmp_path / "list.txt").read_text().splitlines()) == most + 1
