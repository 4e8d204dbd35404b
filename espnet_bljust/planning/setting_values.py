"""Values of a training configuration, beside those that plan_conf and the network's parts check themselves."""

import math
from collections.abc import Callable
from typing import NamedTuple

from espnet_bljust.errors import InputError

MOST_STEPS_UNSEEN = 100  # between rows of history.jsonl: with more, an alarm would come after step 200
# ESPnet's, but for L-BFGS, which wants a step of its own
OPTIMIZERS = ("adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "radam", "rmsprop", "rprop", "sgd")
REQUIRED = ("batch_seconds", "unlabelled_batch_seconds", "steps_per_epoch")


class Kind(NamedTuple):
    """What a key may be."""

    fits: Callable[[object], bool]
    words: str
    example: object


def _number(value: object, least: float = 0.0, below: float = math.inf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value < below


def _whole(value: object, least: int = 1, most: float = math.inf) -> bool:
    return type(value) is int and least <= value <= most


SECONDS = Kind(lambda value: _number(value) and value > 0, "a positive number", 30)
COUNT = Kind(_whole, "a whole number from 1", 1)
KINDS = {
    "batch_seconds": SECONDS,
    "unlabelled_batch_seconds": SECONDS,
    "steps_per_epoch": COUNT._replace(example=500),
    "accum_grad": COUNT,
    "keep_nbest_models": COUNT._replace(example=5),
    "log_interval": Kind(lambda value: _whole(value, most=MOST_STEPS_UNSEEN),
                         f"a number of steps from 1 to {MOST_STEPS_UNSEEN} (alarms come with its rows)", 10),
    "grad_clip": Kind(lambda value: value == math.inf or _number(value) and value > 0,
                      "a positive norm (.inf for none)", 5.0),
    "ema_decay": Kind(lambda value: _number(value, below=1), "a share from 0 (no average) to below 1", 0.999),
    "save_interval_minutes": Kind(_number, "minutes (0 for none)", 30),
    "unlabelled_shards_from": Kind(lambda value: type(value) is int, "a number of utterances", 2000000),
    "keep_updates": Kind(lambda value: isinstance(value, list) and all(map(_whole, value)), "a list of steps", [50000]),
    "optim": Kind(lambda value: value in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}", "adamw"),
    "train_dtype": Kind(lambda value: value in ("float32", "float64"),
                        "float32 or float64, in which weights can be kept (use_amp is for products)", "float32"),
}


def check_values(settings: dict, where: str) -> None:
    """InputError that names the key, its value and one that would do."""
    for name, kind in KINDS.items():
        if (name in settings or name in REQUIRED) and not kind.fits(settings.get(name)):
            raise InputError(f"{where}: {name} is {settings.get(name)!r}, not {kind.words}. "
                             f"Set {name}: {kind.example}, say.")
    if "lr" in (settings.get("optim_conf") or {}):
        raise InputError(f"{where}: optim_conf has lr, which training does not read. Give rates by role and phase: "
                         "plan_conf.joint_rates, say.")
