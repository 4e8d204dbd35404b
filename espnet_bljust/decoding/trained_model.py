"""What decoding needs of a model, wherever it comes from: the network and the tokenizer of its outputs."""

from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.text.tokens import Tokenizer, load_tokenizer
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.weights.own_files import NetworkSettings, build, read_own

NOT_PACKED = ("ssl_head.", "trunk.mask_embedding")  # used in training alone


class Model(NamedTuple):
    """Output i of the network is token i of the tokenizer, 0 CTC's blank."""

    network: JointNetwork
    tokenizer: Tokenizer
    token_type: str  # char, bpe, word or phn


def from_experiment(exp_dir: Path, weights: Path) -> Model:
    """Strict: every parameter of the file has its place and every place its parameter."""
    settings = NetworkSettings.read(exp_dir / "train.yaml")
    return with_tokenizer(build(settings.shape, read_own(weights), str(weights)), settings)


def with_tokenizer(network: JointNetwork, settings: NetworkSettings) -> Model:
    """The network, and how what it says is spelt."""
    tokenizer = load_tokenizer(settings.token_type, settings.tokens, settings.bpe_model)
    return Model(network, tokenizer, settings.token_type)
