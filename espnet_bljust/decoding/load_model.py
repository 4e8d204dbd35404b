"""A model from what people have: an experiment, a pack of stage 14, a Hugging Face folder, or a name on a hub."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from espnet_bljust.decoding.huggingface_folder import from_huggingface_folder
from espnet_bljust.decoding.trained_model import NOT_PACKED, Model, from_experiment, with_tokenizer
from espnet_bljust.disk.archive import extract_zip
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig
from espnet_bljust.network.convert.fit import Shape
from espnet_bljust.network.convert.stock_espnet import from_espnet, trunk_of
from espnet_bljust.weights.own_files import NetworkSettings, build, read_named

UNUSED = ("*.h5", "*.msgpack", "*.ot", "*.onnx", "*.tflite")  # the same weights in forms that are not read here


def load_model(model: str, weights: str = "average.pth") -> Model:
    """``model``: a folder exp/<tag>, a pack, zipped or not, a folder of Wav2Vec2ForCTC, or a name on a hub.

    Names are user/name on Hugging Face, or those of the ESPnet zoo. weights: which file of an experiment directory.
    """
    path = Path(model)
    if (path / "train.yaml").is_file():
        if not (path / weights).is_file():
            raise InputError(f"{path / weights}: no such file. Run stage 11, or name other weights with --weights.")
        return from_experiment(path, path / weights)
    if not path.exists():
        path = fetch(model)
    return from_pack(path)


def fetch(name: str) -> Path:
    """Download (once; the hubs' packages keep what they have) and say where it lies."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        if "/" in name or name.endswith(".zip"):
            raise InputError(f"{name}: no such file or folder. Check the name.")
        return _from_zoo(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        folder = Path(snapshot_download(name, ignore_patterns=UNUSED))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise _not_there(name, error) from None
    packs = sorted(folder.glob("*.zip"))
    return packs[0] if packs and not (folder / "meta.yaml").exists() else folder


def _from_zoo(name: str) -> Path:
    from espnet_model_zoo.downloader import ModelDownloader

    try:
        return Path(ModelDownloader().download(name))
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_there(name, error) from None


def _not_there(name: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(f"{name}: neither here nor on a hub that can be reached ({reason}). Check the name.")


def from_pack(path: Path) -> Model:
    """A pack of stage 14, zipped or not, or a Hugging Face folder; packs of other recipes hold other networks."""
    if path.is_dir():
        return _from_folder(path, path)
    with tempfile.TemporaryDirectory() as folder:
        extract_zip(path, Path(folder) / "pack")
        return _from_folder(Path(folder) / "pack", path)


def _from_folder(folder: Path, path: Path) -> Model:
    """``path``: for the errors."""
    if not (folder / "meta.yaml").is_file():
        if (folder / "config.json").is_file():
            return from_huggingface_folder(folder)
        raise InputError(f"{path}: neither an experiment directory nor a pack of stage 14 (no meta.yaml), nor a "
                         "Hugging Face folder (no config.json). Check --model.")
    try:
        meta = read_yaml_keys(folder / "meta.yaml")
        config = read_yaml_keys(_inside(folder, meta["yaml_files"]["asr_train_config"]))
        weights = _inside(folder, meta["files"]["asr_model_file"])
        ours = "trunk" in config
        if not ours and (config["encoder"] != "torchaudiohubert" or config.get("decoder") or config.get("frontend")):
            raise InputError(f"{path}: a pack of another kind of network ({config['encoder']}). Load it with ESPnet's "
                             "Speech2Text.")
        trunk = None if ours else trunk_of(config["encoder_conf"])
        config["bpemodel"] = config["bpemodel"] and str(_inside(folder, config["bpemodel"]))
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: neither an experiment directory nor a pack of stage 14 "
                         f"({' '.join(str(error).split())[:200]}). Check --model.") from None
    state, settings = read_named(weights), NetworkSettings.of(config, path)
    if trunk is not None:
        trunk = replace(trunk, normalize=config.get("normalize") == "utterance_mvn")
        settings = settings._replace(shape=Shape(trunk, SSLConfig(), len(settings.tokens)))
        state = from_stock(state, str(path))
    return with_tokenizer(build(settings.shape, state, str(path), fresh=NOT_PACKED if trunk else ()), settings)


def _inside(folder: Path, name: str) -> Path:
    """A file of the pack; InputError for one elsewhere."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{folder}: names {name!r}, outside of the pack. Get the pack elsewhere.")
    return path


def from_stock(packed: Mapping[str, torch.Tensor], where: str) -> dict[str, torch.Tensor]:
    """Our names for ESPnet's, strictly."""
    renamed = from_espnet(packed)
    if renamed.unknown:
        raise InputError(f"{where}: weights and configuration differ (has {renamed.unknown[0]}, which is no part of "
                         "such a network). Make the pack again with stage 14.")
    return renamed.state
