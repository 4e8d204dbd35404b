"""The configuration of a training run: size file, training file, changes of the call, in this order."""

from collections.abc import Sequence
from pathlib import Path

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.bilevel.plan_options import batch_scales, build_plan
from espnet_bljust.disk.settings_file import parse_yaml, read_yaml_keys
from espnet_bljust.errors import InputError
from espnet_bljust.training.configuration import TrainingSettings, check, written_defaults

HEADS = {"recognition": "ctc", "classification": "mean"}  # of a task


def merge(
    size_config: Path, config: Path, *, changes: Sequence[str] = (), method: str = "bljust", task: str = "recognition"
) -> dict:
    """Size file, then training file, then ``changes``, each ``key=value``: later ones win, nested keys one by one."""
    settings = written_defaults()
    for path in (size_config, config):
        _update(settings, read_yaml_keys(path, may_be_empty=True))
    for change in changes:
        key, separator, value = change.partition("=")
        if not separator or not all(key.split(".")):
            raise InputError(f"--set {change}: not of the form key=value. Write --set plan_conf.gamma_max=3, say.")
        _update(settings, _nested(key.split("."), parse_yaml(value, f"--set {change}")))
    for name, said in (("plan_conf", {"method": method}), ("head_conf", {"kind": HEADS[task]})):
        if isinstance(settings.setdefault(name, {}), dict):
            settings[name] |= said
    check(settings, f"{size_config} and {config}")
    settings["plan_conf"].setdefault("alpha_over_gamma", settings.get("optim") == "sgd")  # Adam has a scale of its own
    return settings


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
    """The whole configuration as train.yaml says it, checked, with the batches of the method; and its plan."""
    settings = merge(size_config, config, changes=changes, method=method, task=task)
    options = TrainingSettings(settings).plan
    plan = build_plan(options)
    if beyond := [step for step in settings["keep_updates"] if step > plan.num_steps]:
        raise InputError(f"keep_updates: {beyond[0]} is beyond the plan's {plan.num_steps} steps. Leave it out, or "
                         "give plan_conf more steps.")
    for name, scale in zip(("batch_seconds", "unlabelled_batch_seconds"), batch_scales(options), strict=True):
        if scale != 1:
            settings[name] *= scale
    return settings, plan
