"""The configuration of a training run: size file, training file, changes of the call, in this order."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from espnet_bljust.bilevel.options import batch_scales, build_plan
from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.disk.settings_file import parse_yaml, read_yaml
from espnet_bljust.errors import InputError
from espnet_bljust.planning.setting_values import check_values

HEADS = {"recognition": "ctc", "classification": "mean"}  # of a task
DEFAULTS = {
    "accum_grad": 1,  # micro-batches of an optimizer step
    "log_interval": 10,  # optimizer steps between rows of history.jsonl
    "keep_nbest_models": 5,  # best and newest epochs whose weights stay on disk
    "keep_updates": [],  # optimizer steps whose weights stay besides, to fine-tune from (compare.sh --pretrain_updates)
    "log_level": "WARNING",  # of ESPnet; the trainer's own lines are always there
    "num_att_plot": 0,  # a network without a decoder has no attention to plot
    "unlabelled_shards_from": 2_000_000,  # utterances from which on a pool is read in shards (docs/scale.md)
}
# What training reads. ESPnet's parser takes a hundred more; one that changes nothing is refused here.
KEYS = {
    *DEFAULTS, "plan_conf", "trunk", "trunk_conf", "objective", "ssl_conf", "cpc_conf", "head_conf", "masking_conf",
    "augment_conf", "dropout_conf", "optim", "optim_conf", "batch_seconds", "unlabelled_batch_seconds",
    "steps_per_epoch", "grad_clip",
    "stop_on_alarm", "save_interval_minutes", "ema_decay", "use_amp", "train_dtype", "freeze_param", "cudnn_enabled",
    "cudnn_benchmark", "cudnn_deterministic", "use_tf32", "detect_anomaly",
}


def merge(
    size_config: Path, config: Path, *, changes: Sequence[str] = (), method: str = "bljust", task: str = "recognition"
) -> dict:
    """Size file, then training file, then ``changes``, each ``key=value``: later ones win, nested keys one by one."""
    settings: dict = dict(DEFAULTS)
    for path in (size_config, config):
        _update(settings, _read_yaml(path))
    for change in changes:
        key, separator, value = change.partition("=")
        if not separator or not all(key.split(".")):
            raise InputError(f"--set {change}: not of the form key=value. Write --set plan_conf.gamma_max=3, say.")
        _update(settings, _nested(key.split("."), parse_yaml(value, f"--set {change}", _Loader)))
    _check_keys(settings, f"{size_config} and {config}")
    settings.setdefault("plan_conf", {})["method"] = method
    settings.setdefault("head_conf", {})["kind"] = HEADS[task]
    settings["plan_conf"].setdefault("alpha_over_gamma", settings.get("optim") == "sgd")  # Adam has a scale of its own
    return settings


class _Loader(yaml.SafeLoader):
    """YAML 1.2's numbers: to YAML 1.1, and so to PyYAML, 1e-4 without a point is a word."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


def _read_yaml(path: Path) -> dict:
    settings = read_yaml(path, _Loader) or {}
    if not isinstance(settings, dict):
        raise InputError(f"{path}:1: not a list of keys with values. Write one `key: value` a line.")
    return settings


def _check_keys(settings: dict, where: str) -> None:
    """What training reads is there and of the right kind, and nothing else is."""
    unknown = sorted(map(str, set(settings) - KEYS))
    if unknown:
        near = difflib.get_close_matches(unknown[0], KEYS, 1, 0)[0]
        raise InputError(f"{where}: training does not read {unknown[0]}. Remove it, or did you mean {near}?")
    for name in ("plan_conf", "trunk_conf", "ssl_conf", "cpc_conf", "head_conf", "masking_conf", "augment_conf",
                 "dropout_conf"):
        if not isinstance(settings.get(name, {}), dict):
            raise InputError(f"{where}: {name} is {settings[name]!r}, not keys with values. Write them below {name}.")
    check_values(settings, where)


def _nested(keys: list[str], value: object) -> dict:
    return {keys[0]: _nested(keys[1:], value)} if len(keys) > 1 else {keys[0]: value}


def _update(settings: dict, new: dict) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(settings.get(key), dict):
            _update(settings[key], value)
        else:
            settings[key] = value


def settled(
    size_config: Path, config: Path, *, changes: Sequence[str] = (), method: str = "bljust", task: str = "recognition"
) -> tuple[dict, Plan]:
    """The whole configuration, checked, with the batches that the method asks for, and its plan."""
    settings = merge(size_config, config, changes=changes, method=method, task=task)
    plan = build_plan(settings["plan_conf"])
    if beyond := [step for step in settings["keep_updates"] if step > plan.num_steps]:
        raise InputError(f"keep_updates: {beyond[0]} is beyond the plan's {plan.num_steps} steps. Leave it out, or "
                         "give plan_conf more steps.")
    for name, scale in zip(("batch_seconds", "unlabelled_batch_seconds"), batch_scales(settings["plan_conf"]),
                           strict=True):
        if scale != 1:
            settings[name] *= scale
    return settings, plan
