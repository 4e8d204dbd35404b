"""Whether weights of anybody's fit a network: what is compared, what may be missing, and one clear error.

The trunk must be complete but for its mask embedding, which some libraries do not keep. A head is taken whole, or
not at all where the weights hold nothing of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from torch import Tensor

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.convert.sizes import sizes
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.network.systems import SSLKind, TrunkKind

SUPERVISED = {"ctc.": "CTC head", "classifier.": "classifier"}
HEADS = {"ssl_head.": "self-supervised head", **SUPERVISED}
MASK_EMBEDDING = "trunk.mask_embedding"
SHOWN = 3  # names or shapes in an error


class Shape(NamedTuple):
    """What the network is to be."""

    trunk: TrunkKind
    ssl: SSLKind
    vocabulary: int
    head: HeadConfig = HeadConfig()

    def parameters(self) -> dict[str, Tensor]:
        """Names and shapes alone, without storage (torch's meta device)."""
        with torch.device("meta"):
            return JointNetwork(*self).state_dict()


class Fit(NamedTuple):
    """Weights that fit, under our names, and what is not among them."""

    state: dict[str, Tensor]
    fresh: list[str]  # parts that stay as they were initialised, in words


def fit(
    state: Mapping[str, Tensor], shape: Shape, *, unknown: Sequence[str] = (), options: Mapping[str, Any], where: str
) -> Fit:
    """``state``: under our names; ``unknown``: names in the file that have none of ours.

    options: of TrunkConfig, what is known beside the weights, since shapes do not tell it; where: for the errors.
    """
    expected = parameters_of(shape, state, where)
    _refuse_other_sizes(state, expected, shape, options, where)
    refuse_odd_tensors(state, where)
    wanted = [head for head in HEADS if any(name.startswith(head) for name in expected)]
    absent = [head for head in wanted if not any(name.startswith(head) for name in state)]
    missing = [name for name in expected
               if name not in state and name != MASK_EMBEDDING and not name.startswith(tuple(absent))]
    unknown = [*unknown, *(name for name in state if name not in expected)]
    if missing or unknown:
        counts = f"{_count(missing, 'missing')}; {_count(unknown, 'without a place')}"
        raise InputError(f"{where}: not the whole of such a network: {counts}. "
                         "Restore the file, or choose weights of such a trunk in the shape of trunk_conf.")
    broken = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise InputError(f"{where}: numbers that are not finite in the weights: {_count(broken, 'such tensors')}. "
                         "Restore the file, or choose an earlier one.")
    fresh = [HEADS[head] for head in absent] + (["mask embedding"] if MASK_EMBEDDING not in state else [])
    return Fit({name: value.to(expected[name].dtype) for name, value in state.items()}, fresh)


def refuse_odd_tensors(state: Mapping[str, Tensor], where: str) -> None:
    """InputError for what a file can hold that is no dense tensor, or stands for more numbers than are in the file.

    A tensor of strides 0 is of any shape and takes four bytes, until something copies it.
    """
    odd = [name for name, value in state.items() if not isinstance(value, Tensor) or value.layout != torch.strided
           or value.is_quantized or value.is_nested or value.device.type == "meta"
           or value.numel() * value.element_size() > value.untyped_storage().nbytes()]  # fmt: skip
    if odd:
        raise InputError(f"{where}: weights that are no dense tensors: {_count(odd, 'of them')}. "
                         "Save them with torch.save as they are in a network.")


def parameters_of(shape: Shape, state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """``shape.parameters()``; InputError where ``state`` is far from such a network, or nothing can be of its sizes."""
    layers = max(getattr(shape.trunk, name, 0) for name in ("num_layers", "num_convolutions"))
    if layers > len(state):  # would take long to describe
        raise InputError(f"{where}: {len(state)} tensors, too few for the {layers} layers of the configuration. "
                         "Use weights and configuration of one network.")
    try:
        return shape.parameters()
    except (RuntimeError, TypeError, ValueError, MemoryError) as error:
        raise InputError(f"{where}: no network has the sizes of the configuration "
                         f"({' '.join(str(error).split())[:120]}). Mend trunk_conf and ssl_conf.") from None


def _refuse_other_sizes(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], shape: Shape, options: Mapping[str, Any], where: str
) -> None:
    wanted = _plain({**asdict(shape.trunk), **asdict(shape.ssl)})
    of_weights = {}
    if type(shape.trunk) is TrunkConfig:
        of_weights = sizes(state, [stride for *_, stride in shape.trunk.conv_layers])
    known = {name: value for name, value in _plain({**of_weights, **options}).items() if name in wanted}
    differ = [f"{name} {value} there, {wanted[name]} here" for name, value in known.items() if value != wanted[name]]
    shapes = [f"{name} {tuple(value.shape)} there, {tuple(expected[name].shape)} here" for name, value in state.items()
              if name in expected and value.shape != expected[name].shape]
    if differ or shapes:
        raise InputError(f"{where}: weights of another size than the configuration: {'; '.join(differ)}. "
                         f"{_count(shapes, 'of another shape')}. "
                         "Choose the model_size of these weights, or change trunk_conf and ssl_conf.")


def _count(items: Sequence[str], what: str) -> str:
    """`5 missing (a, b, c, ...)`."""
    shown = ", ".join([*items[:SHOWN], *(["..."] if len(items) > SHOWN else [])])
    return f"{len(items)} {what}" + (f" ({shown})" if items else "")


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Lists for tuples, so that settings of different origin compare."""
    return {name: [list(layer) for layer in value] if name == "conv_layers" else value
            for name, value in options.items()}
