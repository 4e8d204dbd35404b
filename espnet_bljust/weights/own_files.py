"""Files of this package: what train.yaml, or a pack's configuration, says of a network, and the network's weights."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from torch import Tensor

from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.errors import InputError
from espnet_bljust.network.convert.fit import Shape, parameters_of, refuse_odd_tensors
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.network.systems import read_configs
from espnet_bljust.weights.checkpoint import load, own_names
from espnet_bljust.weights.foreign_files import refuse_compressed


class NetworkSettings(NamedTuple):
    """A network, and what its outputs stand for."""

    shape: Shape
    tokens: list[str]  # in the order of their ids; 0 is CTC's blank
    token_type: str  # char, bpe, word or phn
    bpe_model: str | None  # SentencePiece model, for bpe

    @classmethod
    def read(cls, path: Path) -> Self:
        """Of a train.yaml."""
        return cls.of(read_yaml_keys(path), path)

    @classmethod
    def of(cls, settings: Mapping[str, Any], where: Path | str = "train.yaml") -> Self:
        """From the keys of such a file; ``where``: for the error."""
        tokens = settings.get("token_list")
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise InputError(f"{where}: token_list is no list of tokens. Restore the file by stage 7.")
        try:
            head = HeadConfig.from_dict(settings.get("head_conf") or {})
            shape = Shape(*read_configs(settings), len(tokens), head)
        except (AttributeError, TypeError) as error:  # a word or list in the place of keys with values
            raise InputError(f"{where}: no settings of a network ({error}). Restore the file by stage 7.") from None
        return cls(shape, tokens, settings.get("token_type") or "char", settings.get("bpemodel"))


def read_own(path: Path) -> dict[str, Tensor]:
    """Weights of this package in ``path`` under the names of JointNetwork."""
    return own_names(read_named(path), str(path))


def read_named(path: Path) -> Mapping[str, Tensor]:
    """Tensors by name, of a file of weights or of a checkpoint."""
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_compressed(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not readable as weights ({error}). Restore a copy.") from None
    content = load(path)
    state = content.get("model", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not all(
            isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()):
        raise InputError(f"{path}: holds no named tensors. Name a file of weights, such as exp/<tag>/average.pth.")
    return state


def build(shape: Shape, state: Mapping[str, Tensor], where: str, fresh: tuple[str, ...] = ()) -> JointNetwork:
    """The network with these weights, strictly; nothing of its size is made before all names and shapes agree.

    What begins with one of ``fresh`` is left as it is initialised.
    """
    refuse_odd_tensors(state, where)
    due = {name: tuple(value.shape) for name, value in parameters_of(shape, state, where).items()
           if not name.startswith(fresh)}
    held = {name: tuple(value.shape) for name, value in state.items()}
    odd = sorted(name for name in due.keys() | held.keys() if due.get(name) != held.get(name))
    if odd:
        there, here = (shapes.get(odd[0], "nothing") for shapes in (held, due))
        raise InputError(f"{where}: weights and configuration differ, {len(odd)} names or shapes ({odd[0]}: {there} in "
                         f"the file, {here} by the configuration). Use weights and configuration of one network.")
    network = JointNetwork(*shape)
    network.load_state_dict(state, strict=not fresh)
    return network
