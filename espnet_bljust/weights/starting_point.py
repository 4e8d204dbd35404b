"""`--init_from`: weights of ours, stock ESPnet, Hugging Face, torchaudio or fairseq as the start of a training.

The format is known by the names inside. The trunk must be complete and of the size of the configuration. The
self-supervised head is taken where it is there, the CTC head where it was trained and its tokens are known and are the
training's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from espnet_bljust.errors import InputError
from espnet_bljust.network.convert import fairseq, huggingface, stock_espnet, torchaudio
from espnet_bljust.network.convert.fit import MASK_EMBEDDING, SUPERVISED, Shape, fit
from espnet_bljust.network.convert.name_table import Renamed, rename
from espnet_bljust.weights.foreign_files import Found, read

OURS, SSL_HEAD = "network.", "ssl_head."
# Of a trunk: how a training treats it, which the next one may do otherwise (`normalize` is told, not refused).
OF_TRAINING = {"normalize", "extractor_init", "dropout", "attention_dropout", "activation_dropout",
               "projection_dropout", "feature_dropout", "layer_drop", "checkpointing"}
# Name of the format, a parameter that only this format has, and how its names become ours.
FORMATS = {
    "ours": (OURS + MASK_EMBEDDING, lambda state: rename(state, [(OURS, "")])),
    "stock ESPnet": (stock_espnet.PROBE, stock_espnet.from_espnet),
    "torchaudio": (torchaudio.PROBE, torchaudio.from_torchaudio),
    "Hugging Face": (huggingface.PREFIX + huggingface.PROBE, huggingface.from_huggingface),
    "Hugging Face, trunk alone": (huggingface.PROBE, huggingface.from_huggingface),
    "fairseq": (fairseq.PROBE, fairseq.from_fairseq),
    "fairseq, fine-tuned": (fairseq.PREFIX + fairseq.PROBE, fairseq.from_fairseq),
}


class StartingPoint(NamedTuple):
    """Weights that fit the network, under the names of JointNetwork, and what is to be said of them."""

    state: dict[str, Tensor]
    line: str


def starting_point(path: Path, shape: Shape, tokens: list[str]) -> StartingPoint:
    """Read, rename and check; one InputError for what does not fit."""
    source = read(path)
    name, renamed = _renamed(source)
    left_out = [f"{len(renamed.left_out)} tensors of another task"] if renamed.left_out else []
    state = renamed.state
    if source.tokens != tokens or not source.head_trained:
        why = "other tokens" if source.tokens != tokens else "not trained"
        why = why if source.tokens else "its tokens are not known"
        left_out += [f"{name} ({why})" for prefix, name in SUPERVISED.items()
                     if any(key.startswith(prefix) for key in state)]
        state = {key: value for key, value in state.items() if not key.startswith(tuple(SUPERVISED))}
    if not any(key in shape.parameters() for key in state if key.startswith(SSL_HEAD)):  # of another objective
        kept = {key: value for key, value in state.items() if not key.startswith(SSL_HEAD)}
        left_out += ["self-supervised head (another objective)"] if len(kept) < len(state) else []
        state = kept
    fitted = fit(state, shape, unknown=renamed.unknown, options=_trunk_options(name, source.settings, source.path),
                 where=str(source.path))
    parts = [f"{source.path}: {name}, {len(fitted.state)} tensors loaded"]
    parts += [f"left out: {', '.join(left_out)}"] if left_out else []
    parts += [f"starts fresh: {', '.join(fitted.fresh)}"] if fitted.fresh else []
    parts += [] if source.settings or name == "ours" else [
        "num_heads, norm_first and strides are not in the file and taken from the configuration"]
    if source.normalized and not getattr(shape.trunk, "normalize", True):
        parts.append("trained on audio of zero mean and unit variance: set trunk_conf.normalize")
    return StartingPoint(fitted.state, "; ".join(parts))


def _renamed(source: Found) -> tuple[str, Renamed]:
    for name, (probe, back) in FORMATS.items():
        if probe in source.state:
            return name, back(source.state)
    shown = ", ".join(list(source.state)[:3])
    raise InputError(f"{source.path}: no wav2vec 2.0 in a known form ({len(source.state)} tensors: {shown}, ...). Give "
                     "weights of this package, stock ESPnet (torchaudiohubert), Hugging Face, torchaudio or fairseq.")


def _trunk_options(name: str, settings: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """Of TrunkConfig, from the settings that stand beside the weights."""
    if not settings:
        return {}
    if name == "ours":
        return {option: value for option, value in settings.items() if option not in OF_TRAINING}
    modules = {"stock": stock_espnet, "torchaudio": torchaudio, "Hugging": huggingface}
    try:
        return modules.get(name.split()[0], fairseq).trunk_options(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where}: its settings do not describe the network of {name} ({error}). Restore what lies "
                         "beside the weights, or take it away.") from None
