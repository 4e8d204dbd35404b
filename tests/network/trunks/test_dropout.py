"""Dropouts that are set afterwards are those that a trunk is built with."""

from dataclasses import replace

import pytest
import torch

from espnet_bljust.network.config import CPCConfig, TrunkConfig
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.network.log_mel_config import CnnRnnConfig, ConformerConfig
from espnet_bljust.network.trunks.dropout import dropouts_of, set_dropouts

WAV2VEC2 = TrunkConfig(conv_layers=((8, 10, 5), (8, 4, 4), (8, 4, 4), (8, 4, 4)), dim=12, num_layers=3, num_heads=2,
                       ffn_dim=16, pos_kernel=8, pos_groups=2)
CNN_RNN = CnnRnnConfig(num_mels=12, num_convolutions=2, maps=4, num_layers=2, hidden=8, dim=12)
TRUNKS = {
    "wav2vec2": (WAV2VEC2, {"dropout": 0.5, "attention_dropout": 0.4, "activation_dropout": 0.3,
                            "projection_dropout": 0.2, "feature_dropout": 0.35, "layer_drop": 0.5}),
    "lstm": (CNN_RNN, {"dropout": 0.5, "feature_dropout": 0.35}),
    "gru": (replace(CNN_RNN, cell="gru", attention=True), {"dropout": 0.5, "feature_dropout": 0.35}),
    "conformer": (ConformerConfig(num_mels=12, dim=12, num_layers=2, num_heads=2, ffn_dim=16, kernel=5),
                  {"dropout": 0.5, "attention_dropout": 0.4, "feature_dropout": 0.35}),
}


def network_of(config):
    torch.manual_seed(0)
    return JointNetwork(config, CPCConfig(final_dim=8), 6).double().train()


def passed(network, waves):
    torch.manual_seed(1)
    return network.recognise(waves)[0]


@pytest.mark.parametrize("name", TRUNKS)
def test_set_dropouts_gives_the_network_that_has_them_by_configuration(name):
    config, changes = TRUNKS[name]
    assert dropouts_of(config).keys() == changes.keys()
    waves = [0.1 * torch.randn(size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
             for size in (8000, 6000)]
    built, changed = network_of(replace(config, **changes)), network_of(config)
    plain = passed(changed, waves)
    set_dropouts(changed, changes)
    assert torch.equal(passed(changed, waves), passed(built, waves))
    assert not torch.equal(passed(changed, waves), plain)
    assert changed.feature_dropout == 0.35
    set_dropouts(changed, dropouts_of(config))
    assert torch.equal(passed(changed, waves), plain)
