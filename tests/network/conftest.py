"""A small network and audio for the tests of this room."""


import numpy as np
import pytest
import torch

from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.heads.masking import sample_negatives, span_mask
from espnet_bljust.network.joint import JointNetwork
from tests.helpers.peers import NUM_NEGATIVES

NO_DROPOUT = dict.fromkeys(
    ("dropout", "attention_dropout", "activation_dropout", "projection_dropout", "feature_dropout", "layer_drop"), 0.0)
SMALL = {
    "conv_layers": [[16, 10, 5], [20, 3, 2], [16, 3, 2], [16, 3, 2], [16, 3, 2], [16, 2, 2], [24, 2, 2]],
    "dim": 24, "num_layers": 2, "num_heads": 3, "ffn_dim": 40, "pos_kernel": 16, "pos_groups": 4,
}
SMALL_SSL = SSLConfig(codes=64, latent_dim=16, final_dim=12)
LENGTHS = (9600, 16000, 16000, 12345)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(scope="session")
def no_dropout():
    return NO_DROPOUT


@pytest.fixture(scope="session")
def make_network():
    def make(dtype=torch.float64, vocabulary=7, seed=0, ssl=SMALL_SSL, **changes):
        torch.manual_seed(seed)
        trunk = TrunkConfig.from_dict({**SMALL, **NO_DROPOUT, **changes})
        network = JointNetwork(trunk, ssl, vocabulary)
        for parameter in network.parameters():  # norms and biases away from 1 and 0, so that each is seen
            if parameter.ndim == 1:
                torch.nn.init.normal_(parameter, mean=0.5, std=0.3)
        return network.to(dtype)

    return make


@pytest.fixture(scope="session")
def make_waves():
    def make(dtype=torch.float64, lengths=LENGTHS, seed=1):
        generator = torch.Generator().manual_seed(seed)
        return [torch.randn(n, generator=generator, dtype=torch.float64).mul(0.3).to(dtype) for n in lengths]

    return make


@pytest.fixture(scope="session")
def draw():
    """(masks, negatives, noise) of each utterance."""

    def of(network, waves, seed=2, equal_counts=False):
        rng, head = np.random.default_rng(seed), network.ssl_head
        frames = [network.trunk.config.num_frames(len(wave)) for wave in waves]
        drawn = [span_mask(number, probability=0.4, span=4, rng=rng) for number in frames]
        if equal_counts:
            least = min(mask.sum() for mask in drawn)
            for mask in drawn:
                mask[rng.permutation(mask.nonzero()[0])[least:]] = False
        masks, negatives, noise = [torch.from_numpy(mask) for mask in drawn], [], []
        for mask in drawn:
            masked = int(mask.sum())
            negatives.append(torch.from_numpy(sample_negatives(masked, NUM_NEGATIVES, rng)))
            noise.append(torch.from_numpy(rng.gumbel(size=(masked, head.config.groups, head.config.codes))))
        return masks, negatives, noise

    return of
