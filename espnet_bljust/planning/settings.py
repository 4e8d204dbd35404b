"""The whole configuration of a training run: size file, training file, options of the call, in this order."""

import argparse
import difflib
import re
from pathlib import Path

import yaml

from espnet_bljust.bilevel.options import batch_scales, build_plan
from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.data.audio.reading import ARCHIVE
from espnet_bljust.disk.settings_file import parse_yaml, read_yaml
from espnet_bljust.errors import InputError
from espnet_bljust.planning.setting_values import check_values

HEADS = {"recognition": "ctc", "classification": "mean"}  # of a task
UNKNOWN_TOKENS = 30  # length of the token list that a dry run takes before stage 5
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
    "augment_conf", "optim", "optim_conf", "batch_seconds", "unlabelled_batch_seconds", "steps_per_epoch", "grad_clip",
    "stop_on_alarm", "save_interval_minutes", "use_amp", "train_dtype", "freeze_param", "cudnn_enabled",
    "cudnn_benchmark", "cudnn_deterministic", "use_tf32", "detect_anomaly",
}


def merge(options: argparse.Namespace) -> dict:
    """Size file, then training file, then the options of the call: later ones win, nested keys one by one."""
    settings: dict = dict(DEFAULTS)
    for path in (options.size_config, options.config):
        _update(settings, _read_yaml(path))
    for argument in options.set:
        key, separator, value = argument.partition("=")
        if not separator or not all(key.split(".")):
            raise InputError(f"--set {argument}: not of the form key=value. Write --set plan_conf.gamma_max=3, say.")
        _update(settings, _nested(key.split("."), parse_yaml(value, f"--set {argument}", _Loader)))
    _check_keys(settings, f"{options.size_config} and {options.config}")
    settings.setdefault("plan_conf", {})["method"] = options.method
    settings.setdefault("head_conf", {})["kind"] = HEADS[options.task]
    settings["plan_conf"].setdefault("alpha_over_gamma", settings.get("optim") == "sgd")  # Adam has a scale of its own
    _update(settings, {
        "seed": options.seed, "token_type": options.token_type, "bpemodel": options.bpe_model or None,
        "token_list": read_tokens(options.token_list, options.dry_run),
        "train_data_path_and_name_and_type": _sources(options.train_dir, text=True),
        "valid_data_path_and_name_and_type": _sources(options.valid_dir, text=True),
        "unlabelled_data_path_and_name_and_type": _sources(options.pool_dir, text=False),
        "train_shape_file": [str(options.train_dir / "utt2num_samples")],
        "valid_shape_file": [str(options.valid_dir / "utt2num_samples")],
        "unlabelled_shape_file": [str(options.pool_dir / "utt2num_samples")],
        **({"init_from": options.init_from} if options.init_from else {}),
        **({} if options.valid_pool_dir is None else {
            "valid_pool_path_and_name_and_type": _sources(options.valid_pool_dir, text=False),
            "valid_pool_shape_file": [str(options.valid_pool_dir / "utt2num_samples")]}),
    })
    return settings


def read_tokens(path: Path, may_be_absent: bool) -> list[str]:
    """One token a line, in the order of their ids."""
    if may_be_absent and not path.exists():
        return [f"<token{index}>" for index in range(UNKNOWN_TOKENS)]
    tokens = path.read_text(encoding="utf-8").split("\n")
    return tokens[:-1] if tokens[-1] == "" else tokens


def _sources(directory: Path, text: bool) -> list[list[str]]:
    audio = [str(directory / "wav.scp"), "speech", _kind(directory / "wav.scp")]
    return [audio, [str(directory / "text"), "text", "text"]] if text else [audio]


def _kind(wavs: Path) -> str:
    """What ESPnet calls the audio: stage 3 writes all of a set in one form."""
    if not wavs.exists():  # yet, in a dry run
        return "sound"
    with wavs.open(encoding="utf-8") as file:
        entry = file.readline().partition(" ")[2].strip()
    return "kaldi_ark" if ARCHIVE.fullmatch(entry) and not Path(entry).exists() else "sound"


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
    for name in ("plan_conf", "trunk_conf", "ssl_conf", "cpc_conf", "head_conf", "masking_conf", "augment_conf"):
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


def settled(options: argparse.Namespace) -> tuple[dict, Plan]:
    """The whole configuration, checked, with the batches that the method asks for, and its plan."""
    settings = merge(options)
    plan = build_plan(settings["plan_conf"])
    if beyond := [step for step in settings["keep_updates"] if step > plan.num_steps]:
        raise InputError(f"keep_updates: {beyond[0]} is beyond the plan's {plan.num_steps} steps. Leave it out, or "
                         "give plan_conf more steps.")
    for name, scale in zip(("batch_seconds", "unlabelled_batch_seconds"), batch_scales(settings["plan_conf"]),
                           strict=True):
        if scale != 1:
            settings[name] *= scale
    return settings, plan
