"""Stock ESPnet's `encoder: torchaudiohubert`, which holds torchaudio's Wav2Vec2Model, with its CTC layer.

Source: ESPnet 202611, espnet2/asr/encoder/hubert_encoder.py (TorchAudioHuBERTPretrainEncoder), espnet2/asr/ctc.py.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.convert.name_table import Renamed, Rule, export, inverse, modern, rename

ENCODER = "encoder.hubert_pretrain_model.wav2vec2."
PROBE = ENCODER + "encoder.feature_projection.projection.weight"
RULES: list[Rule] = [
    ("trunk.mask_embedding", None),
    ("trunk.", ENCODER),
    ("ctc.", "ctc."),
    ("ssl_head.", None),
]
# What HuBERT's pre-training leaves in such a model; the CTC model does not use it.
OF_HUBERT: list[Rule] = [
    ("encoder.global_step", None),
    ("encoder.hubert_pretrain_model.mask_generator.", None),
    ("encoder.hubert_pretrain_model.logit_generator.", None),
]


def to_espnet(state: Mapping[str, Tensor]) -> Renamed:
    """The state of ESPnetASRModel, but for OF_HUBERT."""
    return export(state, RULES)


def from_espnet(state: Mapping[str, Tensor]) -> Renamed:
    """Either spelling of weight normalisation."""
    return rename(modern(state), [*inverse(RULES), *OF_HUBERT])


OPTIONS = {
    "extractor_conv_layer_config": "conv_layers", "extractor_conv_bias": "conv_bias", "encoder_embed_dim": "dim",
    "encoder_num_layers": "num_layers", "encoder_num_heads": "num_heads", "encoder_ff_interm_features": "ffn_dim",
    "encoder_pos_conv_kernel": "pos_kernel", "encoder_pos_conv_groups": "pos_groups",
    "encoder_layer_norm_first": "norm_first",
}


def encoder_conf(trunk: TrunkConfig) -> dict[str, Any]:
    """Of `encoder: torchaudiohubert`; num_classes and final_dim belong to HuBERT's head, which is not used."""
    options = {theirs: getattr(trunk, ours) for theirs, ours in OPTIONS.items()}
    options["extractor_conv_layer_config"] = [list(layer) for layer in trunk.conv_layers]
    return {"finetuning": True, "num_classes": 1, "final_dim": 1, "extractor_mode": f"{trunk.extractor_norm}_norm",
            **options}


def trunk_of(encoder_conf: Mapping[str, Any]) -> TrunkConfig:
    """The other way; a KeyError where an option is not named."""
    options = {ours: encoder_conf[theirs] for theirs, ours in OPTIONS.items()}
    return TrunkConfig.from_dict({**options, "extractor_norm": encoder_conf["extractor_mode"].removesuffix("_norm")})


def trunk_options(encoder_conf: Mapping[str, Any]) -> dict[str, Any]:
    """Of TrunkConfig: those that decide what the weights compute and do not show in their shapes."""
    names = {"encoder_num_heads": "num_heads", "encoder_layer_norm_first": "norm_first",
             "extractor_conv_layer_config": "conv_layers"}
    return {ours: encoder_conf[theirs] for theirs, ours in names.items() if encoder_conf.get(theirs) is not None}
