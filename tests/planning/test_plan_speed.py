"""The estimate of time in the training plan."""

from espnet_bljust.bilevel.plan_options import build_plan
from espnet_bljust.planning.speed import Rates, measure, training_seconds
from espnet_bljust.training.configuration import TrainingSettings

PLAN = {"method": "bljust", "schedule": "once", "exploration_steps": 10, "joint_steps": 20, "final_steps": 5,
        "gamma": "constant", "gamma_max": 1.0,
        **{f"{phase}_rates": {"theta": 0.1, "phi": 0.1, "eta": 0.1} for phase in ("exploration", "joint", "final")}}
SETTINGS = TrainingSettings({
    "plan_conf": PLAN,
    "trunk_conf": {"conv_layers": [[16, 10, 5], [16, 8, 8], [16, 8, 8]], "dim": 16, "num_layers": 1, "num_heads": 2,
                   "ffn_dim": 16, "pos_kernel": 4, "pos_groups": 2},
    "ssl_conf": {"groups": 2, "codes": 4, "latent_dim": 8, "final_dim": 8},
    "masking_conf": {"num_negatives": 5}, "token_list": ["<blank>", "<unk>", "a", "<sos/eos>"],
    "batch_seconds": 4, "unlabelled_batch_seconds": 6, "accum_grad": 2, "steps_per_epoch": 10,
})


def test_the_time_is_audio_times_rate_and_evaluations_are_a_third():
    seconds = training_seconds(build_plan(SETTINGS.plan), SETTINGS, Rates(0.5, 0.25), valid_seconds=12)
    labelled, pool = 2 * 25 * 4, 2 * 30 * 6  # micro-batches x steps x seconds, by hand
    assert seconds == labelled * 0.5 + pool * 0.25 + 4 * 12 * 0.25 / 3


def test_two_gpus_take_half_the_time():
    times = [training_seconds(build_plan(SETTINGS.plan), SETTINGS, Rates(1.0, 1.0), 0.0, gpus) for gpus in (1, 2)]
    assert times[0] == 2 * times[1]


def test_both_rates_are_measured_on_the_configured_network():
    rates = measure(SETTINGS)
    assert 0 < rates.labelled < 60 and 0 < rates.pool < 60
