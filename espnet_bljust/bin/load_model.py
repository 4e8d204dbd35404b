"""A recogniser from what people have: an experiment directory, a pack of stage 14, or a name on a hub."""

import re
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import torch
import yaml

from espnet_bljust.bin.recogniser import Recogniser
from espnet_bljust.errors import InputError
from espnet_bljust.espnet.checkpoint import load
from espnet_bljust.espnet.weights import shape_of
from espnet_bljust.network.config import SSLConfig
from espnet_bljust.network.convert.stock_espnet import from_espnet, trunk_of
from espnet_bljust.network.joint import JointNetwork

NOT_PACKED = ("ssl_head.", "trunk.mask_embedding")  # used in training alone


def load_model(model: str, weights: str = "average.pth", device: str = "cpu") -> Recogniser:
    """``model``: a folder exp/<tag>, a .zip, an unpacked one, user/name on Hugging Face, or a name of the ESPnet zoo.

    ``weights``: which file of an experiment directory.
    """
    path = Path(model)
    if (path / "train.yaml").is_file():
        if not (path / weights).is_file():
            raise InputError(f"{path / weights}: no such file. Run stage 11, or name other weights with --weights.")
        return Recogniser.from_experiment(path, path / weights, device)
    if not path.exists():
        path = fetch(model)
    return from_pack(path, device)


def fetch(name: str) -> Path:
    """Download (once; the hubs' packages keep what they have) and say where it lies."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        if "/" in name or name.endswith(".zip"):
            raise InputError(f"{name}: no such file or folder. Check the name.")
        return _from_zoo(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        folder = Path(snapshot_download(name))
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


def from_pack(path: Path, device: str = "cpu") -> Recogniser:
    """A pack of stage 14, zipped or not; packs of other recipes hold other networks and are refused."""
    if path.is_dir():
        return _from_folder(path, path, device)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{path}: not a whole pack ({error}). Make it again with stage 14.") from None
        return _from_folder(Path(folder), path, device)


def _from_folder(folder: Path, path: Path, device: str) -> Recogniser:
    try:
        meta = yaml.safe_load((folder / "meta.yaml").read_text(encoding="utf-8"))
        config = yaml.safe_load((folder / meta["yaml_files"]["asr_train_config"]).read_text(encoding="utf-8"))
        weights = folder / meta["files"]["asr_model_file"]
        if "trunk" in config:
            return _own(config, weights, str(path), folder, device)
        if config["encoder"] != "torchaudiohubert" or config.get("decoder") or config.get("frontend"):
            raise InputError(f"{path}: a pack of another kind of network ({config['encoder']}). Load it with ESPnet's "
                             "Speech2Text.")
        trunk = replace(trunk_of(config["encoder_conf"]), normalize=config.get("normalize") == "utterance_mvn")
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: neither an experiment directory nor a pack of stage 14 "
                         f"({' '.join(str(error).split())[:200]}). Check --model.") from None
    network = JointNetwork(trunk, SSLConfig(), len(config["token_list"]))
    load_packed(network, load(weights), str(path))
    return Recogniser(network, _with_bpe_model(config, folder), device)


def _own(config: dict, weights: Path, where: str, folder: Path, device: str) -> Recogniser:
    """A pack of a trunk or head that stock ESPnet does not have: our keys, our names."""
    network = JointNetwork(*shape_of(config))
    try:
        network.load_state_dict(load(weights))
    except (RuntimeError, TypeError) as error:
        raise _differ(where, error) from None
    return Recogniser(network, _with_bpe_model(config, folder), device)


def _with_bpe_model(config: dict, folder: Path) -> dict:
    return {**config, "bpemodel": config["bpemodel"] and str(folder / config["bpemodel"])}


def _differ(where: str, error: Exception | str) -> InputError:
    return InputError(f"{where}: weights and configuration differ ({' '.join(str(error).split())[:300]}). Make the "
                      "pack again with stage 14.")


def load_packed(network: JointNetwork, packed: dict[str, torch.Tensor], where: str) -> None:
    """Fill ``network`` from ESPnet's names, strictly; what is used in training alone stays as it is."""
    state = {name: value for name, value in network.state_dict().items() if name.startswith(NOT_PACKED)}
    renamed = from_espnet(packed)
    if renamed.unknown:
        raise _differ(where, f"has {renamed.unknown[0]}, which is no part of such a network")
    try:
        network.load_state_dict(state | renamed.state)
    except (RuntimeError, ValueError) as error:
        raise _differ(where, error) from None
