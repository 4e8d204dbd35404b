"""The real trainer with augmentation and its ramp: restarts and processes change nothing."""

import numpy as np
import pytest
import soundfile
import torch

from tests.helpers.experiment import (
    CONFORMER,
    TINY,
    assert_close_runs,
    history,
    make_experiment,
    train,
    train_killed_at,
    train_processes,
    weights,
)

RAMP = ("plan_conf.augment_start=1", "plan_conf.augment_ramp=3")
SPECTRUM = (CONFORMER, "augment_conf.num_freq_masks=2", "augment_conf.time_masks_per_second=4", "accum_grad=2",
            "head_conf.consistency=0.2", "head_conf.intermediate_layers=[1]")  # fmt: skip
CHANNELS = (TINY, "augment_conf.channel_mask_probability=0.5", "augment_conf.channel_mask_span=4",
            "masking_conf.labelled_probability=0.5", "masking_conf.labelled_min_spans=2",
            "plan_conf.extractor_rests=[final]", "plan_conf.decay=exponential", "dropout_conf.joint={dropout: 0.3}",
            "dropout_conf.final={layer_drop: 0.4, dropout: 0.0}", "ema_decay=0.9")  # fmt: skip
STILL = ("trunk_conf.dropout=0.0", "trunk_conf.attention_dropout=0.0", "trunk_conf.feature_dropout=0.0",
         "train_dtype=float64", "optim=sgd", "optim_conf={}")  # fmt: skip
HEARD = (TINY, "augment_conf.noise_db_range=[0, 10]", "augment_conf.rir_apply_prob=0.5",
         "augment_conf.gain_db_range=[-3, 3]")  # fmt: skip
each = pytest.mark.parametrize("kind", [SPECTRUM, CHANNELS, HEARD], ids=["spectrum", "channels", "noise"])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("augmented")
    for name in ("noise", "rooms"):
        (folder / name).mkdir()
        soundfile.write(folder / name / "1.wav", np.random.default_rng(0).standard_normal(400) / 10, 16000)
    return folder


def changed(kind, root):
    """Its size and options, with the folders that this root has."""
    size, *changes = kind
    heard = [f"augment_conf.noise_scp={root}/noise", f"augment_conf.rir_scp={root}/rooms"] if kind is HEARD else []
    return size, [*changes, *heard]


@each
def test_an_augmented_run_killed_on_its_ramp_and_started_again_equals_the_unbroken_one(root, kind):
    size, changes = changed(kind, root)
    unbroken, broken = (make_experiment(root, *RAMP, *changes, size=size) for _ in range(2))
    plain = make_experiment(root, *RAMP, *(change for change in changes if "augment" not in change), size=size)
    train(unbroken)
    train(plain)
    for step in (4, 8, 10):
        train_killed_at(broken, step)
    train(broken)
    assert all(torch.equal(value, weights(unbroken)[name]) for name, value in weights(broken).items())
    assert history(broken) == history(unbroken)
    rows, others = ([row["ctc"] for row in history(run) if row["kind"] == "train" and row["ctc"] is not None]
                    for run in (unbroken, plain))
    assert rows[0] == pytest.approx(others[0], rel=1e-5)  # the first labelled step has none yet
    assert rows[1] != others[1]  # bit for bit, were nothing done to the audio


@each
def test_two_processes_augment_as_one(root, tmp_path, kind):
    changes = [change for change in changed(kind, root)[1] if "dropout_conf" not in change]
    changes += ["batch_seconds=0.5", "trunk_conf.projection_dropout=0.0"] if kind[0] is TINY else []
    one, two = (make_experiment(root, *RAMP, *changes, *STILL, size=kind[0]) for _ in range(2))
    train(one)
    train_processes(two, tmp_path / "meet")
    assert_close_runs(one, two)
