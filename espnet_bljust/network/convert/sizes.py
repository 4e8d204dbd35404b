"""The sizes of a network, read from the shapes of its weights under our names."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

CONVOLUTION = "trunk.feature_extractor.conv_layers.{}.conv."
LAYER = re.compile(r"trunk\.encoder\.transformer\.layers\.(\d+)\.")


def sizes(state: Mapping[str, Tensor], strides: list[int]) -> dict[str, Any]:
    """Options of TrunkConfig and SSLConfig that the shapes tell; ``strides`` of the extractor do not show in them."""
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    return {name: value for name, value in {**_trunk(shapes, strides), **_ssl(shapes)}.items() if value is not None}


def _trunk(shapes: Mapping[str, tuple[int, ...]], strides: list[int]) -> dict[str, Any]:
    transformer = "trunk.encoder.transformer."
    layers = {int(match.group(1)) for name in shapes if (match := LAYER.match(name))}
    position = shapes.get(transformer + "pos_conv_embed.conv.parametrizations.weight.original1")
    options: dict[str, Any] = {
        "conv_layers": _conv_layers(shapes, strides),
        "dim": _first(shapes, "trunk.encoder.feature_projection.projection.weight"),
        "num_layers": max(layers) + 1 if layers else None,
        "ffn_dim": _first(shapes, transformer + "layers.0.feed_forward.intermediate_dense.weight"),
    }
    if CONVOLUTION.format(0) + "weight" in shapes:
        second_norm = "trunk.feature_extractor.conv_layers.1.layer_norm.weight"
        options["extractor_norm"] = "layer" if second_norm in shapes else "group"
        options["conv_bias"] = CONVOLUTION.format(0) + "bias" in shapes
    if position is not None and len(position) == 3:
        options |= {"pos_kernel": position[2], "pos_groups": position[0] // max(position[1], 1)}
    return options


def _conv_layers(shapes: Mapping[str, tuple[int, ...]], strides: list[int]) -> list[list[int]] | None:
    """Where the number of layers is another one, a stride that is not known is shown as 0."""
    layers: list[list[int]] = []
    while (shape := shapes.get(CONVOLUTION.format(len(layers)) + "weight")) is not None and len(shape) == 3:
        stride = strides[len(layers)] if len(layers) < len(strides) else 0
        layers.append([shape[0], shape[2], stride])
    return layers or None


def _ssl(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    vectors = shapes.get("ssl_head.quantizer.codevectors")
    projection = shapes.get("ssl_head.project_quantized.weight")
    if vectors is None or projection is None or len(vectors) != 3 or len(projection) != 2:
        return {}
    groups = max(projection[1] // max(vectors[2], 1), 1)
    return {"groups": groups, "codes": vectors[1] // groups, "latent_dim": projection[1], "final_dim": projection[0]}


def _first(shapes: Mapping[str, tuple[int, ...]], name: str) -> int | None:
    return shapes[name][0] if shapes.get(name) else None
