"""Each alarm is provoked on a real network, or on rows with real numbers, and is raised in time with its advice."""

import json
import logging
import math

import numpy as np
import pytest
import torch

from espnet_bljust.data.feeding import samples
from espnet_bljust.errors import InputError
from espnet_bljust.training.health import Health
from tests.helpers.experiment import make_experiment, train
from tests.helpers.small import Trainer, constant_plan, make_model, micro_batch

INTERVAL = 10
HEALTHY = {"phase": "joint", "gamma": 1.0, "contrastive": 2.0, "contrastive_guess": math.log(101), "ssl_accuracy": 0.4,
           "code_perplexity": [60.0, 50.0], "ctc_token": 1.0, "norm_f": 17.8, "norm_g": 0.54}


def health(codes=320):
    return Health(codes=codes)


def first_alarm(monitor, rows):
    """(step, words) of the first alarm over rows of INTERVAL steps each."""
    for index, row in enumerate(rows, 1):
        if alarms := monitor.look(row, index * INTERVAL, True):
            return index * INTERVAL, alarms
    return None, []


def rows_of(trainer, plan, *batches):
    """What the trainer would log of a run on these micro-batches."""
    rows = []
    for step in range(1, plan.num_steps + 1):
        torch.manual_seed(step)
        trainer.updater.step(list(batches), plan.at(step), 1.0, trainer.stats, measure=step % INTERVAL == 0)
        if step % INTERVAL == 0:
            rows.append(trainer.stats.summary(plan.at(step), 1.0))
            trainer.stats.clear()
    return rows


def test_rates_far_too_high_collapse_the_codebook_and_that_is_said_within_200_steps():
    trainer = Trainer(make_model(), torch.optim.AdamW)
    rows = rows_of(trainer, constant_plan("exploration", 70, rate=0.3), micro_batch((), (0, 1, 2)))
    step, (words, *_) = first_alarm(health(codes=5), rows)
    assert step <= 200 and "codebook collapsed" in words and "lower the rates" in words
    accuracy = rows[-1]["ssl_accuracy"]  # None where no frame has a negative of another code
    assert (f"accuracy {100 * accuracy:.0f} %" if accuracy is not None else "no frame has a negative") in words


def test_a_network_that_does_not_learn_stays_at_chance_and_that_is_said_within_200_steps():
    """Predictions without a direction: every similarity is the same, as after a trunk that lost its input."""
    model = make_model()
    with torch.no_grad():
        for parameter in model.network.ssl_head.project_hidden.parameters():
            parameter.zero_()
    trainer = Trainer(model)
    rows = 16 * rows_of(trainer, constant_plan("exploration", INTERVAL, rate=0.0), micro_batch((), (0, 1, 2)))
    step, (words, *_) = first_alarm(health(codes=5), rows)
    assert step <= 200 and "is that of a guess" in words and "extractor_init" in words
    # negatives of the positive's own code are left out: with so few codes a guess costs less than ln(negatives + 1)
    assert all(row["contrastive"] == pytest.approx(row["contrastive_guess"]) for row in rows)
    assert all(0.8 * math.log(6) < row["contrastive"] < 0.98 * math.log(6) for row in rows)


def test_one_group_that_collapses_is_seen_behind_a_healthy_one():
    step, (words,) = first_alarm(health(), [{**HEALTHY, "code_perplexity": [1.0, 185.0]}] * 30)
    assert step == 50 and "1.00 of 320 codes of a group" in words
    assert first_alarm(health(), [{**HEALTHY, "code_perplexity": [3.1, 2.1]}] * 100) == (None, [])


def test_a_codebook_of_one_code_is_seen_although_no_frame_has_a_negative_then():
    """Accuracy is unknown there, and not 100 %."""
    row = {**HEALTHY, "code_perplexity": [1.0, 1.0], "contrastive": 0.0, "contrastive_guess": 0.0, "ssl_accuracy": None}
    monitor = health()
    found = [words for step in range(10, 60, 10) for words in monitor.look(row, step, True)]
    assert any("codebook collapsed: 1.00 of 320" in words and "no frame has a negative" in words for words in found)


def test_empty_hypotheses_alone_alarm_once_half_of_the_supervised_steps_are_done():
    monitor = health()
    for empty, share, alarms in ((1.0, 0.0, 0), (1.0, 0.49, 0), (0.99, 0.9, 0), (1.0, 0.5, 1), (1.0, 1.0, 1)):
        found = monitor.look_at_dev(empty, share)
        assert len(found) == alarms and all("take_off: retry" in words for words in found)
    assert monitor.counts["all_empty"] == 2


@pytest.mark.parametrize("changes", [
    {"contrastive": math.nan, "contrastive_guess": math.nan, "norm_f": math.nan, "norm_g": math.inf,
     "code_perplexity": [math.nan, math.nan]},
    {"contrastive": None, "contrastive_guess": None, "ssl_accuracy": None, "code_perplexity": [0.0, 0.0]},  # no target
], ids=["not finite", "no target"])
def test_rows_that_cannot_be_judged_raise_no_alarm_of_another_name(changes):
    assert first_alarm(health(), [{**HEALTHY, **changes}] * 100) == (None, [])


@pytest.mark.parametrize(("gamma", "words"), [(1e-6, "self-supervised gradient is drowned"),
                                              (1e9, "supervised gradient is drowned")])
def test_a_gradient_under_a_thousandth_of_the_other_is_named_after_200_steps(gamma, words):
    trainer = Trainer(make_model())
    (row,) = rows_of(trainer, constant_plan("joint", INTERVAL, gamma, 0.0), micro_batch((0, 1), (2, 5)))
    step, found = first_alarm(health(), [{**row, "contrastive": 1.0, "code_perplexity": [60.0, 60.0]}] * 30)
    assert step == 200 and f"the {words}" in found[0] and "gamma_unit=balanced" in found[0]
    assert ("Raise" in found[0]) == (gamma < 1)


def test_a_healthy_run_raises_no_alarm():
    assert first_alarm(health(), [HEALTHY] * 100) == (None, [])
    learning = [{**HEALTHY, "contrastive": math.log(101) * (1 - 0.002 * index)} for index in range(100)]
    assert first_alarm(health(), learning) == (None, [])  # within 2 % for 100 steps, then away
    silent = [{**HEALTHY, "gamma": 0.0, "norm_g": None, "contrastive": None, "code_perplexity": None}] * 100
    assert first_alarm(health(), silent) == (None, [])


def test_the_warm_up_is_no_standstill():
    monitor = health()
    for step in range(10, 1000, 10):
        assert monitor.look({**HEALTHY, "contrastive": 4.6}, step, settled=False) == []


def test_an_alarm_that_lasts_is_raised_and_counted_again():
    monitor, row = health(), {**HEALTHY, "code_perplexity": [1.1, 1.1]}
    raised = [step for step in range(10, 201, 10) if monitor.look(row, step, True)]
    assert raised == [50, 100, 150, 200] and monitor.counts["collapsed"] == 4


def test_a_restarted_monitor_alarms_at_the_same_step():
    one, row = health(), {**HEALTHY, "code_perplexity": [1.1, 1.1]}
    for step in (10, 20, 30):
        assert one.look(row, step, True) == []
    two = health()
    two.load_state_dict(json.loads(json.dumps(one.state_dict())))
    for step in (40, 50, 60):
        assert one.look(row, step, True) == two.look(row, step, True)
    assert one.state_dict() == two.state_dict() and two.counts["collapsed"] == 1


LONGER = ("plan_conf.schedule=once", "plan_conf.exploration_steps=4", "steps_per_epoch=4")


@pytest.fixture
def broken_audio(monkeypatch):
    """Samples that are not a number in the middle of one utterance, past the reader, which refuses them in a file."""
    real = samples.read_audio

    def read(entry):
        wave, rate = real(entry)
        if entry.endswith("train_pool-03.wav"):
            wave[4000:4010] = np.nan
        return wave, rate

    monkeypatch.setattr(samples, "read_audio", read)


@pytest.mark.usefixtures("broken_audio")
def test_audio_that_is_not_finite_is_named_and_counted_moves_nothing_and_can_stop_the_run(tmp_path, caplog):
    exp_dir = make_experiment(tmp_path, *LONGER)
    with caplog.at_level(logging.INFO):
        train(exp_dir, "exploration")
    rows = [json.loads(line) for line in (exp_dir / "history.jsonl").read_text().splitlines()]
    skipped = [row["skipped_steps"] for row in rows if row["kind"] == "train"][-1]
    named = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert skipped == len(named) > 0
    assert all(words.endswith("utterances: train_pool-03") for words in named)
    assert any("ALARM at step" in record.message for record in caplog.records)
    state = torch.load(exp_dir / "checkpoint.pth", weights_only=True)
    assert all(bool(value.isfinite().all()) for value in state["model"].values() if value.is_floating_point())
    assert state["health"]["counts"]["skipped_steps"] == skipped
    stopping = make_experiment(tmp_path, *LONGER, "stop_on_alarm=true")
    with pytest.raises(InputError, match=r"stopped at step \d+ \(stop_on_alarm\): \d+ steps were not finite") as caught:
        train(stopping, "exploration")
    assert "\n" not in str(caught.value)


def test_one_micro_batchs_broken_audio_names_no_utterance_of_another(caplog):
    """Its loss spoils theirs, by the mean of the code probabilities."""
    broken, sound = micro_batch((), (2, 5)), micro_batch((), (6, 8))
    broken.joint.pool[0][1000] = math.nan
    trainer = Trainer(make_model())
    trainer.run(constant_plan("exploration", 1), broken, sound)
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == ["2"]
    assert trainer.stats.counts["skipped_steps"] == 1


def test_an_utterance_too_short_for_its_transcript_is_named_and_the_others_are_learnt_from(caplog):
    batch = micro_batch((3, 4))  # 12 to 24 frames
    batch.joint.labels = [torch.tensor([1, 2] * 30), torch.tensor([1, 2])]
    trainer = Trainer(make_model())
    trainer.run(constant_plan("final", 3, rate=0.01), batch)
    assert trainer.stats.counts["infeasible"] == 3 and math.isfinite(trainer.stats.norm) and trainer.stats.norm > 0
    named = [record.message for record in caplog.records if "too short for their transcripts" in record.message]
    assert len(named) == 3 and all(words.endswith(": 3") for words in named)


def test_every_row_says_which_share_of_the_pool_was_masked():
    batch = micro_batch((), (0, 1, 2))
    (row,) = rows_of(Trainer(make_model()), constant_plan("exploration", INTERVAL, rate=0.0), batch)
    assert row["masked_fraction"] == batch.num_masked / batch.num_rows
