"""Which trunks and which self-supervised objectives there are, by the names that a configuration has for them.

A trunk has extract(waves, rests) -> Features (one that reads log-mel also takes a SpectrumMask), encode(features, mask,
want, channels) -> hidden rows, extractor and mask_embedding; its configuration num_frames, receptive_field, hop,
first_centre, dim, feature_dim, early_dim, edge_frames, feature_dropout and bytes_per_frame.
A self-supervised head has reading, forward, total, temperature and parts_are_coupled, as ssl_head.py.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import CPCConfig, SSLConfig, TrunkConfig
from espnet_bljust.network.heads.cpc import CPCHead
from espnet_bljust.network.heads.ssl_head import SelfSupervisedHead
from espnet_bljust.network.log_mel_config import CnnRnnConfig, ConformerConfig
from espnet_bljust.network.trunks.cnn_rnn import CnnRnnTrunk
from espnet_bljust.network.trunks.conformer import ConformerTrunk
from espnet_bljust.network.trunks.trunk import Trunk
from espnet_bljust.units import SAMPLE_RATE

TrunkKind = TrunkConfig | CnnRnnConfig | ConformerConfig
SSLKind = SSLConfig | CPCConfig
TRUNKS = {"wav2vec2": TrunkConfig, "cnn_rnn": CnnRnnConfig, "conformer": ConformerConfig}
OBJECTIVES = {"wav2vec2": (SSLConfig, "ssl_conf"), "cpc": (CPCConfig, "cpc_conf")}  # each with a key of its own
MODULES = {TrunkConfig: Trunk, CnnRnnConfig: CnnRnnTrunk, ConformerConfig: ConformerTrunk}


def read_configs(settings: Mapping[str, Any]) -> tuple[TrunkKind, SSLKind]:
    """From the keys trunk, trunk_conf, objective, and ssl_conf or cpc_conf of a training configuration."""
    trunk = _known(settings, "trunk", TRUNKS)
    kind, key = _known(settings, "objective", OBJECTIVES)
    if trunk is CnnRnnConfig and kind is SSLConfig:
        raise InputError("objective wav2vec2 does not go with trunk cnn_rnn: frames around a masked span have heard "
                         "what it hides (docs/systems.md). Set objective: cpc.")
    return trunk.from_dict(settings.get("trunk_conf") or {}), kind.from_dict(settings.get(key) or {})


def _known[Value](settings: Mapping[str, Any], key: str, known: Mapping[str, Value]) -> Value:
    name = settings.get(key) or next(iter(known))
    if name not in known:
        raise InputError(f"{key} is {name!r}. Known values: {', '.join(known)}.")
    return known[name]


def trunk_name(config: TrunkKind) -> str:
    """The word for such a trunk."""
    return next(name for name, kind in TRUNKS.items() if kind is type(config))


def build_trunk(config: TrunkKind) -> nn.Module:
    """The trunk of a configuration."""
    return MODULES[type(config)](config)


def build_head(trunk: TrunkKind, config: SSLKind) -> nn.Module:
    """The self-supervised head on such a trunk."""
    if isinstance(config, CPCConfig):
        steps = trunk.num_frames(round(config.future_seconds * SAMPLE_RATE)) - 2 * trunk.edge_frames
        if steps < 2:
            raise InputError(f"cpc_conf: future_seconds {config.future_seconds} leaves fewer than 2 frames to predict. "
                             "Lengthen it.")
        return CPCHead(trunk.dim, trunk.early_dim, config, steps)
    return SelfSupervisedHead(trunk.dim, trunk.feature_dim, config)
