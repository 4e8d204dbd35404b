"""torchaudio's Wav2Vec2Model: our trunk under the same names, and the CTC layer as `aux`.

It has no quantizer and no mask embedding. Source: torchaudio 2.11, models/wav2vec2/model.py, `wav2vec2_model`.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.convert.name_table import Renamed, Rule, export, inverse, modern, rename

PROBE = "encoder.feature_projection.projection.weight"
RULES: list[Rule] = [
    ("trunk.mask_embedding", None),
    ("trunk.feature_extractor.", "feature_extractor."),
    ("trunk.encoder.", "encoder."),
    ("ctc.ctc_lo.", "aux."),
    ("ssl_head.", None),
]


def to_torchaudio(state: Mapping[str, Tensor]) -> Renamed:
    """The state of `wav2vec2_model(**arguments(...))`."""
    return export(state, RULES)


def from_torchaudio(state: Mapping[str, Tensor]) -> Renamed:
    """Either spelling of weight normalisation."""
    return rename(modern(state), inverse(RULES))


def arguments(trunk: TrunkConfig, vocabulary: int | None) -> dict[str, Any]:
    """Of torchaudio.models.wav2vec2_model; ``vocabulary`` tokens in the CTC layer, None for none."""
    return {
        "extractor_mode": f"{trunk.extractor_norm}_norm",
        "extractor_conv_layer_config": [list(layer) for layer in trunk.conv_layers],
        "extractor_conv_bias": trunk.conv_bias, "encoder_embed_dim": trunk.dim,
        "encoder_projection_dropout": trunk.projection_dropout, "encoder_pos_conv_kernel": trunk.pos_kernel,
        "encoder_pos_conv_groups": trunk.pos_groups, "encoder_num_layers": trunk.num_layers,
        "encoder_num_heads": trunk.num_heads, "encoder_attention_dropout": trunk.attention_dropout,
        "encoder_ff_interm_features": trunk.ffn_dim, "encoder_ff_interm_dropout": trunk.activation_dropout,
        "encoder_dropout": trunk.dropout, "encoder_layer_norm_first": trunk.norm_first,
        "encoder_layer_drop": trunk.layer_drop, "aux_num_out": vocabulary,
    }


def trunk_options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Of TrunkConfig: those that decide what the weights compute and do not show in their shapes."""
    return {"num_heads": arguments["encoder_num_heads"], "norm_first": arguments["encoder_layer_norm_first"],
            "conv_layers": arguments["extractor_conv_layer_config"]}
