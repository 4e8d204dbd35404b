"""fairseq's names, which s3prl's port shares: the pre-training Wav2Vec2Model, and Wav2VecCtc around it.

Where the extractor is as wide as the transformer, fairseq has no projection between them: it is then the identity.
Source: s3prl (espnet-s3prl 2026.5), upstream/wav2vec2/wav2vec2_model.py, a port of fairseq's wav2vec2.py;
fairseq, models/wav2vec/wav2vec2_asr.py for Wav2VecCtc (`w2v_encoder.w2v_model.`, `w2v_encoder.proj`).
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.convert.name_table import Renamed, Rule, export, inverse, modern, old_fashioned, rename
from espnet_bljust.units import SAMPLE_RATE

PROBE = "encoder.layers.0.self_attn.k_proj.weight"
PREFIX, CTC_LAYER = "w2v_encoder.w2v_model.", "w2v_encoder.proj."
PROJECTION, POSITION = "trunk.encoder.feature_projection.projection.", "trunk.encoder.transformer.pos_conv_embed.conv."
WIDEST = 8192  # of a projection that is made here; the widest published wav2vec 2.0 has 1920
MOST_LAYERS = 100  # of an extractor
LAYER = "trunk.encoder.transformer.layers.*."
REST: list[Rule] = [
    ("trunk.mask_embedding", "mask_emb"),
    ("trunk.feature_extractor.conv_layers.*.conv.", "feature_extractor.conv_layers.*.0."),
    ("trunk.encoder.feature_projection.layer_norm.", "layer_norm."),
    (PROJECTION, "post_extract_proj."),
    (POSITION, "encoder.pos_conv.0."),
    ("trunk.encoder.transformer.layer_norm.", "encoder.layer_norm."),
    (LAYER + "attention.", "encoder.layers.*.self_attn."),
    (LAYER + "layer_norm.", "encoder.layers.*.self_attn_layer_norm."),
    (LAYER + "feed_forward.intermediate_dense.", "encoder.layers.*.fc1."),
    (LAYER + "feed_forward.output_dense.", "encoder.layers.*.fc2."),
    (LAYER + "final_layer_norm.", "encoder.layers.*.final_layer_norm."),
]
SSL: list[Rule] = [
    ("ssl_head.quantizer.codevectors", "quantizer.vars"),
    ("ssl_head.quantizer.weight_proj.", "quantizer.weight_proj."),
    ("ssl_head.project_hidden.", "final_proj."),
    ("ssl_head.project_quantized.", "project_q."),
]


def trunk_rules(extractor_norm: str) -> list[Rule]:
    """A layer norm stands between two transpositions, hence the further number."""
    place = "2.1." if extractor_norm == "layer" else "2."
    return [("trunk.feature_extractor.conv_layers.*.layer_norm.", f"feature_extractor.conv_layers.*.{place}"), *REST]


def to_fairseq(state: Mapping[str, Tensor], trunk: TrunkConfig, head: str) -> Renamed:
    """head: ctc (Wav2VecCtc) or pretraining (Wav2Vec2Model); the other one is left out."""
    rules = trunk_rules(trunk.extractor_norm)
    if trunk.dim == trunk.conv_layers[-1][0]:
        _require_identity(state, trunk.dim)
        rules = [(ours, None if ours == PROJECTION else theirs) for ours, theirs in rules]
    prefix = PREFIX if head == "ctc" else ""
    rules = [(ours, None if theirs is None else prefix + theirs) for ours, theirs in rules]
    heads: list[Rule] = [("ctc.ctc_lo.", CTC_LAYER), ("ssl_head.", None)] if head == "ctc" else [*SSL, ("ctc.", None)]
    renamed = export(state, [*rules, *heads])
    return renamed._replace(state=old_fashioned(renamed.state))


def from_fairseq(state: Mapping[str, Tensor]) -> Renamed:
    """Of either model, in either spelling of weight normalisation."""
    plain = modern(state, PREFIX)
    norm = "layer" if "feature_extractor.conv_layers.0.2.1.weight" in plain else "group"
    renamed = rename(plain, [*inverse([*trunk_rules(norm), *SSL]), (CTC_LAYER, "ctc.ctc_lo.")])
    features, hidden = (renamed.state.get(name) for name in ("trunk.encoder.feature_projection.layer_norm.weight",
                                                             "trunk.encoder.transformer.layer_norm.weight"))
    alike = features is not None and hidden is not None and features.shape == hidden.shape
    if alike and PROJECTION + "weight" not in renamed.state and len(hidden) <= WIDEST:
        renamed.state[PROJECTION + "weight"] = torch.eye(len(hidden))
        renamed.state.setdefault(PROJECTION + "bias", torch.zeros(len(hidden)))
    return renamed


def _require_identity(state: Mapping[str, Tensor], dim: int) -> None:
    weight, bias = state[PROJECTION + "weight"], state[PROJECTION + "bias"]
    if not torch.equal(weight, torch.eye(dim).to(weight)) or bias.any():
        raise InputError(f"fairseq: extractor and transformer are both {dim} wide, where fairseq has no projection "
                         "between them, but this network has learned one. Export to another format.")


def model_config(trunk: TrunkConfig, ssl: SSLConfig, num_negatives: int) -> dict[str, Any]:
    """Of Wav2Vec2Config."""
    return {
        "_name": "wav2vec2", "extractor_mode": {"group": "default", "layer": "layer_norm"}[trunk.extractor_norm],
        "encoder_layers": trunk.num_layers, "encoder_embed_dim": trunk.dim, "encoder_ffn_embed_dim": trunk.ffn_dim,
        "encoder_attention_heads": trunk.num_heads, "activation_fn": "gelu", "dropout": trunk.dropout,
        "attention_dropout": trunk.attention_dropout, "activation_dropout": trunk.activation_dropout,
        "encoder_layerdrop": trunk.layer_drop, "dropout_input": trunk.projection_dropout,
        "dropout_features": trunk.feature_dropout, "layer_norm_first": trunk.norm_first,
        "conv_feature_layers": str(list(trunk.conv_layers)), "conv_bias": trunk.conv_bias,
        "conv_pos": trunk.pos_kernel, "conv_pos_groups": trunk.pos_groups, "quantize_targets": True,
        "final_dim": ssl.final_dim, "latent_vars": ssl.codes, "latent_groups": ssl.groups, "latent_dim": ssl.latent_dim,
        "latent_temp": list(ssl.gumbel), "logit_temp": ssl.temperature, "num_negatives": num_negatives,
    }


def config(trunk: TrunkConfig, ssl: SSLConfig, num_negatives: int, head: str) -> dict[str, Any]:
    """`cfg` of a checkpoint: task and model."""
    task = {"_name": "audio_pretraining", "sample_rate": SAMPLE_RATE, "normalize": trunk.normalize}
    model = model_config(trunk, ssl, num_negatives)
    if head == "ctc":
        task = {**task, "_name": "audio_finetuning"}
        model = {"_name": "wav2vec_ctc", "normalize": trunk.normalize, "w2v_path": "",
                 "w2v_args": {"task": task, "model": model}}
    return {"task": task, "model": model}


def trunk_options(model: Mapping[str, Any]) -> dict[str, Any]:
    """Of TrunkConfig: those that decide what the weights compute and do not show in their shapes."""
    names = {"encoder_attention_heads": "num_heads", "layer_norm_first": "norm_first"}
    options = {ours: model[theirs] for theirs, ours in names.items() if theirs in model}
    layers = model.get("conv_feature_layers")
    return options if layers is None else {**options, "conv_layers": read_layers(layers)}


def read_layers(text: str) -> list[list[int]]:
    """`[(512, 10, 5)] + [(512, 3, 2)] * 4 + ...`, which fairseq evaluates as Python; here it is read."""
    layers: list[list[int]] = []
    for inside, times in re.findall(r"\[([^\[\]]*)\]\s*(?:\*\s*(\d+))?", text):
        block = [[int(number) for number in layer.split(",")] for layer in re.findall(r"\(([\d,\s]+)\)", inside)]
        if len(layers) + len(block) * int((times or "1")[:9]) > MOST_LAYERS:
            raise ValueError(f"more than {MOST_LAYERS} layers in conv_feature_layers")
        layers += block * int(times or 1)
    return layers
