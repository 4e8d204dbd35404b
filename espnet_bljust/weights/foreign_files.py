"""Weights of anybody from a file or directory, with the settings and tokens beside them; nothing in them is run.

    .pth, .pt, .bin   torch.load with weights_only; fairseq's settings are the only classes that are let in
    .safetensors      alone or in a Hugging Face directory
"""

import re
import zipfile
from argparse import Namespace
from collections import defaultdict
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from espnet_bljust.bilevel.plan_options import PlanOptions, build_plan
from espnet_bljust.disk.settings_file import read_json, read_yaml
from espnet_bljust.errors import InputError
from espnet_bljust.network.systems import TRUNKS

IN_DIRECTORY = ("model.safetensors", "pytorch_model.bin")
INSIDE = ("model_weight", "model", "state_dict")  # keys under which s3prl, fairseq or ours, and others keep weights

MOST_STEPS = 10**8  # of a plan whose evaluations are listed
SETTINGS = ("model_cfg", "task_cfg", "cfg", "args")  # of s3prl, and of fairseq since 0.11 and before


class Found(NamedTuple):
    """Weights as they are named in the file."""

    path: Path
    state: dict[str, Tensor]
    settings: Mapping[str, Any]  # of the network, in the words of its library; empty where there are none
    tokens: list[str] | None  # of the CTC head, where they are known
    normalized: bool  # the network wants audio of zero mean and unit variance
    head_trained: bool = True  # the supervised head has seen text, as far as is known


def read(path: Path) -> Found:
    """``path``: a file, or a directory of Hugging Face."""
    if path.is_dir():
        file = next((path / name for name in IN_DIRECTORY if (path / name).is_file()), None)
        if file is None:
            raise InputError(f"{path}: holds neither {' nor '.join(IN_DIRECTORY)}. Name a Hugging Face directory "
                             "(in one piece: save_pretrained with max_shard_size='50GB'), or a file.")
        path = file
    elif not path.is_file():
        raise InputError(f"{path}: not found. Correct --init_from.")
    content = _load(path)
    state = next((content[key] for key in INSIDE if isinstance(content.get(key), Mapping)), content)
    state = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
    stored = {name: _plain(content[name]) for name in SETTINGS if name in content}
    if stored:
        return Found(path, state, _holding(stored, "encoder_attention_heads"), _tokens(content.get("tokens")),
                     bool(_holding(stored, "normalize").get("normalize")))
    return _with_neighbours(path, state)


def _with_neighbours(path: Path, state: dict[str, Tensor]) -> Found:
    """Settings from the files beside: train.yaml of ours, config.yaml of ESPnet, config.json, <name>.json."""
    folder = path.parent
    ours = any(name.startswith("network.") for name in state)
    if ours:
        settings = _settings(folder / "train.yaml")
        trunk = _own_trunk(settings)
        return Found(path, state, trunk, _tokens(settings.get("token_list")), bool(trunk.get("normalize")),
                     _head_trained(path, settings))
    if any(name.startswith("encoder.hubert_pretrain_model.") for name in state):
        settings = _settings(folder / "config.yaml")
        return Found(path, state, _keys(settings.get("encoder_conf")), _tokens(settings.get("token_list")),
                     settings.get("normalize") == "utterance_mvn")
    if path.with_suffix(".json").is_file() and "arguments" in (beside := _settings(path.with_suffix(".json"))):
        return Found(path, state, _keys(beside["arguments"]), _tokens(beside.get("tokens")),
                     bool(beside.get("normalize")))
    tokens = folder / "tokens.txt"
    normalized = bool(_feature_extractor(folder).get("do_normalize"))
    return Found(path, state, _settings(folder / "config.json"),
                 tokens.read_text(encoding="utf-8", errors="replace").split("\n")[:-1] if tokens.is_file() else None,
                 normalized)


def _feature_extractor(folder: Path) -> dict[str, Any]:
    """Of Hugging Face: a file of its own, or since transformers 5 a part of the processor's."""
    return _settings(folder / "preprocessor_config.json") or _keys(
        _settings(folder / "processor_config.json").get("feature_extractor"))


def _own_trunk(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The trunk of a training of ours with its defaults, where the settings have one."""
    given = _keys(settings.get("trunk_conf"))
    try:
        return asdict(TRUNKS[settings.get("trunk") or "wav2vec2"].from_dict(given)) if given else {}
    except (InputError, KeyError, TypeError):
        return given


def _head_trained(path: Path, settings: Mapping[str, Any]) -> bool:
    """Whether labelled audio was among the steps before these weights of ours; True where that is not known.

    A head that never moved is the random start of its seed, and would become that of every seed that begins here.
    """
    if settings.get("init_from"):
        return True
    try:
        plan = build_plan(PlanOptions.from_dict(settings["plan_conf"]))
        steps = plan.num_steps
        if (saved := re.fullmatch(r"(\d+)(updates|epoch)\.pth", path.resolve().name)) and steps < MOST_STEPS:
            number = int(saved[1])
            steps = number if saved[2] == "updates" else plan.evaluations(
                settings["steps_per_epoch"], settings.get("keep_updates", ()))[number - 1]
        return plan.consumed(steps)[0] > 0
    except (IndexError, InputError, KeyError, TypeError, ValueError):
        return True


def _load(path: Path) -> Mapping[str, Any]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:  # torch writes check sums and does not look at them
                refuse_compressed(archive)
                if (damaged := archive.testzip()) is not None:
                    raise zipfile.BadZipFile(f"wrong check sum of {damaged}")
        with _let_in():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # many kinds for a damaged file
        reason = " ".join(str(error).split())
        if "Unsupported global" in reason:
            named = reason.split("GLOBAL ")[-1].split(" ")[0]
            raise InputError(f"{path}: holds a Python object ({named}) that is not loaded, since it could run anything."
                             " If you trust the file, save its tensors alone: torch.save({'model': "
                             "torch.load(FILE, weights_only=False)['model']}, NEW).") from error
        raise InputError(f"{path}: not readable as weights ({reason[:120]}). Restore a copy.") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: holds {type(content).__name__}, not named weights. Name a state dict.")
    return content


def refuse_compressed(archive: zipfile.ZipFile) -> None:
    """BadZipFile for weights that torch has not written so: a little may hide gigabytes."""
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise zipfile.BadZipFile("compressed, as torch never writes")


class _Stored:
    """In the place of omegaconf's classes: takes what was stored and runs none of their code."""


def _let_in() -> AbstractContextManager:
    """What fairseq's settings are made of: argparse's Namespace, or omegaconf's containers."""
    omegaconf = ("dictconfig.DictConfig", "listconfig.ListConfig", "nodes.AnyNode", "base.Metadata",
                 "base.ContainerMetadata")
    return torch.serialization.safe_globals([
        Namespace, Any, dict, list, int, float, str, bool, defaultdict,
        *((_Stored, f"omegaconf.{name}") for name in omegaconf)])


def _plain(content: Any) -> Any:
    """Dictionaries, lists and values out of what was stored."""
    if isinstance(content, _Stored):
        stored = vars(content)
        return _plain(stored.get("_content", stored.get("_val")))
    if isinstance(content, Namespace):
        content = vars(content)
    if isinstance(content, Mapping):
        return {name: _plain(value) for name, value in content.items()}
    return [_plain(value) for value in content] if isinstance(content, list | tuple) else content


def _holding(content: Any, key: str) -> Mapping[str, Any]:
    """The outermost dictionary in ``content`` that has ``key``; empty where none has."""
    if not isinstance(content, Mapping) or key in content:
        return content if isinstance(content, Mapping) else {}
    return next((inner for value in content.values() if (inner := _holding(value, key))), {})


def _settings(path: Path) -> dict[str, Any]:
    """YAML or JSON; empty where there is no such file."""
    if not path.is_file():
        return {}
    return _keys(read_json(path) if path.suffix == ".json" else read_yaml(path))


def _keys(value: Any) -> dict[str, Any]:
    """Keys with values, where that is what was found."""
    return value if isinstance(value, dict) else {}


def _tokens(value: Any) -> list[str] | None:
    """A list of tokens, where that is what was found."""
    return value if isinstance(value, list) and all(isinstance(token, str) for token in value) else None
