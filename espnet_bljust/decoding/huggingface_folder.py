"""A Hugging Face folder as a recogniser: Wav2Vec2ForCTC of our export, or of anybody with such a network."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import Tensor

from espnet_bljust.data.text.huggingface_vocabulary import read_tokens
from espnet_bljust.decoding.trained_model import NOT_PACKED, Model
from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.convert.fit import Shape
from espnet_bljust.network.convert.huggingface import from_huggingface, trunk_options
from espnet_bljust.network.convert.sizes import sizes
from espnet_bljust.weights.foreign_files import read
from espnet_bljust.weights.own_files import build

HEAD = "ctc.ctc_lo."


def from_huggingface_folder(folder: Path) -> Model:
    """Strict: every tensor of the file has its place, but for those that only training uses."""
    source = read(folder)
    if (kind := source.settings.get("model_type")) != "wav2vec2":
        raise InputError(f"{folder / 'config.json'}: model_type is {kind!r}, not wav2vec2. Load it with transformers.")
    renamed = from_huggingface(source.state)
    if renamed.unknown or f"{HEAD}bias" not in renamed.state:
        odd = f"has {renamed.unknown[0]}" if renamed.unknown else "has no CTC layer lm_head"
        raise InputError(f"{source.path}: no Wav2Vec2ForCTC as it is known here ({odd}). Load it with transformers.")
    state = {name: value for name, value in renamed.state.items() if not name.startswith(NOT_PACKED)}
    trunk = _trunk(state, source.settings, folder, normalize=source.normalized)
    size = len(state[f"{HEAD}bias"])
    tokens = read_tokens(folder, size, source.settings.get("pad_token_id") or 0)
    if any(len(state[HEAD + part]) != size for part in ("weight", "bias")):
        raise InputError(f"{source.path}: lm_head has a weight and a bias of different sizes. Restore the file.")
    state |= {HEAD + part: state[HEAD + part][tokens.order] for part in ("weight", "bias")}  # blank is our first token
    network = build(Shape(trunk, SSLConfig(), size), state, str(source.path), fresh=NOT_PACKED)
    return Model(network, tokens.tokenizer, tokens.token_type)


def _trunk(state: Mapping[str, Tensor], config: Mapping[str, Any], folder: Path, *, normalize: bool) -> TrunkConfig:
    """By the shapes of the weights, and by config.json what these do not tell."""
    known = {field.name for field in fields(TrunkConfig)}
    try:
        strides = [int(stride) for stride in config.get("conv_stride", ())]
        options = {**sizes(state, strides), **trunk_options(config), "normalize": normalize}
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{folder / 'config.json'}: does not describe such a network ({error}). Load it with "
                         "transformers.") from None
    return TrunkConfig.from_dict({name: value for name, value in options.items() if name in known})
