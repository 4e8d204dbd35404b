"""A pre-training step of ours is Hugging Face's and s3prl's: hidden states, targets, losses, and every gradient.

Where padding enters a peer's group norm (docs/differences.md), the peer gets the utterances one at a time.
The tests at full size print what they find: pytest -m slow -s tests/network/test_parity_pretraining.py
"""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml

from espnet_bljust.network.config import SSLConfig, TrunkConfig
from tests.helpers import agreement, peers

BASE = {"dim": 64, "num_layers": 3, "num_heads": 4, "ffn_dim": 96, "pos_kernel": 32, "pos_groups": 4}
LARGE = {**BASE, "extractor_norm": "layer", "conv_bias": True, "norm_first": True}
ALIKE, MIXED = (9600, 9600, 9600), (9600, 16000, 12345)


@pytest.fixture(params=["transformers", "s3prl"])
def peer(request):
    pytest.importorskip(request.param, reason=f"{request.param} is not installed: the extra `bench`")
    return {"transformers": peers.Transformers, "s3prl": peers.S3prl}[request.param]


@pytest.mark.parametrize("lengths", [ALIKE, MIXED], ids=["alike", "mixed"])
@pytest.mark.parametrize("shape", [BASE, LARGE], ids=["base", "large"])
def test_a_step_and_all_its_gradients(make_network, make_waves, draw, dtype, peer, shape, lengths):
    compare(make_network(dtype, **shape), peer, make_waves(dtype, lengths), draw)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["base", "large"])
def test_a_step_and_all_its_gradients_at_full_size(make_network, make_waves, draw, no_dropout, dtype, peer, size):
    conf = yaml.safe_load((Path(__file__).parents[2] / "conf" / "size" / f"{size}.yaml").read_text())
    trunk = {**asdict(TrunkConfig.from_dict(conf["trunk_conf"])), **no_dropout, "normalize": False}
    ssl = SSLConfig.from_dict({**conf["ssl_conf"], "penalty_weight": 10.0})
    compare(make_network(dtype, ssl=ssl, **trunk), peer, make_waves(dtype, (12000, 12000)), draw, whole=True)


def compare(network, kind, waves, draw, whole=False):
    agreement.spread_out(network.train())
    drawn = peers.Draw(*draw(network, waves, equal_counts=kind.equal_counts))
    drawn = drawn._replace(negatives=peers.negatives_of_other_codes(network, waves, drawn))
    alone = network.trunk.config.extractor_norm == "group" and len(set(map(len, waves))) > 1
    ours = peers.our_step(network, waves, drawn)
    if alone:
        ours = peers.without_diversity(ours)

    peer = kind(network)
    expected = peers.one_by_one(peer.step, waves, drawn) if alone else peer.step(waves, drawn)
    (ours.total + expected.total).backward()
    values = {f"hidden {layer}": pair for layer, pair in enumerate(zip(ours.hidden, expected.hidden, strict=True))}
    values |= {name: (value, getattr(expected, name)) for name, value in ours._asdict().items()
               if isinstance(value, torch.Tensor)}
    agreement.assert_agreement(values, network, peer, whole)
