"""Hugging Face's Wav2Vec2ForPreTraining (trunk and self-supervised head) and Wav2Vec2ForCTC (trunk and CTC layer).

Source: transformers 5.23, models/wav2vec2/modeling_wav2vec2.py and configuration_wav2vec2.py.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.convert.name_table import Renamed, Rule, export, inverse, modern, rename

PROBE = "feature_projection.projection.weight"
PREFIX = "wav2vec2."
ARCHITECTURES = {"ctc": "Wav2Vec2ForCTC", "pretraining": "Wav2Vec2ForPreTraining"}
TRUNK: list[Rule] = [
    ("trunk.mask_embedding", "masked_spec_embed"),
    ("trunk.feature_extractor.", "feature_extractor."),
    ("trunk.encoder.feature_projection.", "feature_projection."),
    ("trunk.encoder.transformer.", "encoder."),
]
CTC: list[Rule] = [("ctc.ctc_lo.", "lm_head.")]
SSL: list[Rule] = [
    ("ssl_head.quantizer.", "quantizer."),
    ("ssl_head.project_hidden.", "project_hid."),
    ("ssl_head.project_quantized.", "project_q."),
]


def to_huggingface(state: Mapping[str, Tensor], head: str) -> Renamed:
    """head: ctc or pretraining; the other one is left out."""
    inside = [(ours, PREFIX + theirs) for ours, theirs in TRUNK]
    heads = [*CTC, ("ssl_head.", None)] if head == "ctc" else [*SSL, ("ctc.", None)]
    return export(state, [*inside, *heads])


def from_huggingface(state: Mapping[str, Tensor]) -> Renamed:
    """Also of a bare Wav2Vec2Model, and in either spelling of weight normalisation."""
    return rename(modern(state, PREFIX), inverse([*TRUNK, *CTC, *SSL]))


def config(trunk: TrunkConfig, ssl: SSLConfig, *, num_negatives: int, vocabulary: int, head: str) -> dict[str, Any]:
    """config.json. Blank is Hugging Face's padding token: id 0; the last token is <sos/eos>."""
    channels, kernels, strides = zip(*trunk.conv_layers, strict=True)
    return {
        "model_type": "wav2vec2", "architectures": [ARCHITECTURES[head]], "dtype": "float32",
        "vocab_size": vocabulary, "pad_token_id": 0, "bos_token_id": vocabulary - 1, "eos_token_id": vocabulary - 1,
        "hidden_size": trunk.dim, "num_hidden_layers": trunk.num_layers, "num_attention_heads": trunk.num_heads,
        "intermediate_size": trunk.ffn_dim, "hidden_act": "gelu", "feat_extract_activation": "gelu",
        "layer_norm_eps": 1e-5, "do_stable_layer_norm": trunk.norm_first,
        "feat_extract_norm": trunk.extractor_norm, "conv_dim": list(channels), "conv_kernel": list(kernels),
        "conv_stride": list(strides), "conv_bias": trunk.conv_bias, "num_feat_extract_layers": len(channels),
        "num_conv_pos_embeddings": trunk.pos_kernel, "num_conv_pos_embedding_groups": trunk.pos_groups,
        "hidden_dropout": trunk.dropout, "attention_dropout": trunk.attention_dropout,
        "activation_dropout": trunk.activation_dropout, "feat_proj_dropout": trunk.projection_dropout,
        "feat_quantizer_dropout": trunk.feature_dropout, "final_dropout": 0.0, "layerdrop": trunk.layer_drop,
        "num_codevector_groups": ssl.groups, "num_codevectors_per_group": ssl.codes, "codevector_dim": ssl.latent_dim,
        "proj_codevector_dim": ssl.final_dim, "num_negatives": num_negatives,
        "contrastive_logits_temperature": ssl.temperature, "diversity_loss_weight": ssl.diversity_weight,
        "ctc_loss_reduction": "sum", "ctc_zero_infinity": True,
    }


def trunk_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of TrunkConfig: those that decide what the weights compute and do not show in their shapes."""
    for name, ours in (("hidden_act", "gelu"), ("feat_extract_activation", "gelu"), ("layer_norm_eps", 1e-5)):
        if config.get(name, ours) != ours:
            raise ValueError(f"{name} is {config[name]!r}, here it is {ours}")
    options = {"num_heads": config.get("num_attention_heads", 12),
               "norm_first": config.get("do_stable_layer_norm", False)}
    shape = [config.get(name) for name in ("conv_dim", "conv_kernel", "conv_stride")]
    if all(shape):
        options["conv_layers"] = [list(layer) for layer in zip(*shape, strict=True)]
    return options
