"""What decoding needs of a model, wherever it comes from: the network and the tokenizer of its outputs."""

from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.text.tokens import Tokenizer, load_tokenizer
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.weights.experiment import build, read_own, shape_of

NOT_PACKED = ("ssl_head.", "trunk.mask_embedding")  # used in training alone


class Model(NamedTuple):
    """Output i of the network is token i of the tokenizer, 0 CTC's blank."""

    network: JointNetwork
    tokenizer: Tokenizer
    token_type: str  # char, bpe, word or phn


def from_experiment(exp_dir: Path, weights: Path) -> Model:
    """Strict: every parameter of the file has its place and every place its parameter."""
    settings = read_yaml_keys(exp_dir / "train.yaml")
    network = build(shape_of(settings, exp_dir / "train.yaml"), read_own(weights), str(weights))
    return Model(network, *tokenizer_of(settings["token_list"], settings.get("token_type"), settings.get("bpemodel")))


def tokenizer_of(token_list: list[str], token_type: str | None, bpe_model: str | None) -> tuple[Tokenizer, str]:
    """By the keys of a configuration, of these names."""
    token_type = token_type or "char"
    return load_tokenizer(token_type, token_list, bpe_model), token_type
