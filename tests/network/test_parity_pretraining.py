"""A pre-training step of ours is Hugging Face's and s3prl's: hidden states, targets, losses, and every gradient.

Where padding enters a peer's group norm (docs/differences.md), the peer gets the utterances one at a time.
The tests at full size print what they find: pytest -m slow -s tests/network/test_parity_pretraining.py
"""

import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml

from espnet_bljust.network.config import SSLConfig, TrunkConfig

sys.path.insert(0, str(Path(__file__).parent))
import peers  # noqa: E402

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}  # of the largest entry of a tensor
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
    trunk = {**asdict(TrunkConfig.from_dict(conf["trunk_conf"])), **no_dropout}
    ssl = SSLConfig.from_dict({**conf["ssl_conf"], "penalty_weight": 10.0})
    compare(make_network(dtype, ssl=ssl, **trunk), peer, make_waves(dtype, (16000, 24321)), draw)


def compare(network, peer, waves, draw):
    spread_out(network.train())
    theirs, drawn = peer(network), peers.Draw(*draw(network, waves, equal_counts=peer.equal_counts))
    drawn = drawn._replace(negatives=negatives_of_other_codes(network, waves, drawn))
    ours = peers.our_step(network, waves, drawn)
    if network.trunk.config.extractor_norm == "group" and len(set(map(len, waves))) > 1:
        ours, expected = peers.without_diversity(ours), peers.one_by_one(theirs.step, waves, drawn)
    else:
        expected = theirs.step(waves, drawn)
    differences = {f"hidden states {place}": difference(*pair)
                   for place, pair in enumerate(zip(ours.hidden, expected.hidden, strict=True))}
    for name, value in ours._asdict().items():
        if isinstance(value, torch.Tensor):
            differences[name] = difference(value, getattr(expected, name))
    ours.total.backward()
    expected.total.backward()
    for name, pair in peers.gradients(network, theirs).items():
        like = network.get_parameter(name.replace("k_proj.bias", "q_proj.bias"))
        differences[f"gradient of {name}"] = difference(*pair, like)
    for kind in ("hidden", "targets", "contrastive", "diversity", "penalty", "total", "gradient"):
        print(max(((value, name) for name, value in differences.items() if name.startswith(kind)), default=""))
    assert {name: value for name, value in differences.items() if not value <= TOLERANCE[waves[0].dtype]} == {}


@torch.no_grad()
def spread_out(network):
    """Frames unlike each other and attention that chooses: else gradients are differences of nearly equal numbers."""
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=float(name.endswith("norm.weight")), std=0.2)
        elif ".layers." in name:
            torch.nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)


@torch.no_grad()
def negatives_of_other_codes(network, waves, drawn):
    """The three treat negatives of the positive's own code differently: test_peer_differences.py."""
    mask, noise = torch.cat(drawn.masks), torch.cat(drawn.noise)
    codes = network.ssl_head.quantizer(network.trunk.extract(waves).rows[mask], peers.CODE_TEMPERATURE, noise).codes
    others = [(one[:, None] != one[None]).any(-1).double() for one in codes.split([len(one) for one in drawn.noise])]
    count = network.ssl_config.num_negatives
    return [other.multinomial(count, replacement=True, generator=torch.Generator().manual_seed(3)) for other in others]


def difference(ours, theirs, like=None):
    """The largest, relative to the largest entry. A key's bias has no gradient but rounding: ``like`` the query's."""
    scale = theirs.detach() if like is None else like.grad
    return float((ours - theirs).detach().abs().max() / scale.abs().max())
