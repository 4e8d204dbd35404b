"""The conformer against ESPnet's layer, subsampling and relative positions, and a slow loop."""

import math
from dataclasses import replace

import pytest
import torch

from espnet_bljust.network.log_mel_config import ConformerConfig
from espnet_bljust.network.packed.places import Places
from espnet_bljust.network.trunks.conformer import ConformerLayer, ConformerTrunk
from espnet_bljust.network.trunks.relative_attention import RelativeAttention, Squares, relative_sinusoids
from espnet_bljust.network.trunks.subsampling import Subsampling

CONFIG = ConformerConfig(num_mels=20, dim=16, num_layers=2, num_heads=2, ffn_dim=24, kernel=7)
LENGTHS = [13, 20, 4]


class ChannelNorm(torch.nn.LayerNorm):
    """In the place of ESPnet's batch norm: (batch, channel, frame)."""

    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


@pytest.fixture(scope="module")
def espnet():
    """ESPnet's modules of the conformer."""
    pytest.importorskip("espnet2", reason="espnet is not installed")
    from espnet2.legacy.nets.pytorch_backend.conformer.convolution import ConvolutionModule
    from espnet2.legacy.nets.pytorch_backend.conformer.encoder_layer import EncoderLayer
    from espnet2.legacy.nets.pytorch_backend.transformer import attention, embedding, subsampling
    from espnet2.legacy.nets.pytorch_backend.transformer.positionwise_feed_forward import PositionwiseFeedForward

    def layer():
        swish = torch.nn.SiLU()
        made = EncoderLayer(
            16, attention.RelPositionMultiHeadedAttention(2, 16, 0.0), PositionwiseFeedForward(16, 24, 0.0, swish),
            PositionwiseFeedForward(16, 24, 0.0, swish), ConvolutionModule(16, 7, swish), 0.0)
        made.conv_module.norm = ChannelNorm(16)
        for module in made.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.eps = 1e-5  # theirs is 1e-12
        return made.double().eval()

    subsamplings = {4: subsampling.Conv2dSubsampling, 8: subsampling.Conv2dSubsampling8}
    return layer, embedding.RelPositionalEncoding, subsamplings


@pytest.mark.parametrize("together", [False, True], ids=["one by one, as on a CPU", "padded, as on a GPU"])
def test_a_layer_is_espnets_on_every_utterance_of_a_batch(espnet, together):
    torch.manual_seed(0)
    layer, theirs = ConformerLayer(CONFIG).double().eval(), espnet[0]()
    theirs.load_state_dict(layer.state_dict())
    rows = torch.randn(sum(LENGTHS), 16, dtype=torch.float64)
    longest = max(LENGTHS)
    apart = Places.of(LENGTHS, [length + 3 for length in LENGTHS], rows.device)
    squares = Squares.of(LENGTHS, rows.device, together)
    with torch.no_grad():
        ours = layer(rows, apart, squares, relative_sinusoids(longest, 16, rows))
        for part, found in zip(rows.split(LENGTHS), ours.split(LENGTHS), strict=True):
            position = relative_sinusoids(len(part), 16, rows)
            (expected, _), _ = theirs((part[None], position[None]), torch.ones(1, 1, len(part)))
            torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-12)


def test_relative_sinusoids_are_espnets(espnet):
    _, position = espnet[1](16, 0.0)(torch.zeros(1, 9, 16))
    torch.testing.assert_close(relative_sinusoids(9, 16, position), position[0])


def as_dense(subsampling):
    """State of a dense form that does the same: pointwise behind depthwise, without a nonlinearity between, is one."""
    conv, pairs, state = subsampling.conv, range(2, len(subsampling.conv), 3), {}
    for index, name in enumerate(("weight", "bias")):
        state[f"conv.0.{name}"], state[f"out.{name}"] = getattr(conv[0], name), getattr(subsampling.out, name)
        for number, first in enumerate(pairs, 1):
            depthwise, pointwise = conv[first : first + 2]
            products = pointwise.weight[:, :, 0, 0]
            state[f"conv.{2 * number}.{name}"] = (
                torch.einsum("oi,ihw->oihw", products, depthwise.weight[:, 0]),
                products @ depthwise.bias + pointwise.bias)[index]
    return state


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize("form", ["dense", "depthwise"])
def test_subsampling_is_espnets_on_every_utterance_of_a_batch(espnet, form, factor):
    torch.manual_seed(0)
    ours = Subsampling(replace(CONFIG, subsampling=form, subsampling_factor=factor)).double()
    theirs = espnet[2][factor](20, 16, 0.0, torch.nn.Identity()).double()
    theirs.load_state_dict(ours.state_dict() if form == "dense" else as_dense(ours))
    mel_lengths = [15, 41, 30, 16, 23]
    mel = torch.randn(sum(mel_lengths), 20, dtype=torch.float64)
    expected = [theirs(part[None], None)[0][0] for part in mel.split(mel_lengths)]
    found = ours(mel, mel_lengths, [len(rows) for rows in expected])
    torch.testing.assert_close(found, torch.cat(expected))


def test_the_subsampling_has_maps_of_its_own():
    config = ConformerConfig(num_mels=20, dim=16, subsampling="depthwise", subsampling_channels=6, num_heads=2)
    shapes = {name: tuple(weight.shape) for name, weight in Subsampling(config).named_parameters() if weight.dim() > 1}
    assert shapes == {"conv.0.weight": (6, 1, 3, 3), "conv.2.weight": (6, 1, 3, 3), "conv.3.weight": (6, 6, 1, 1),
                      "out.weight": (16, 6 * 4)}  # 20 bands, then 9, then 4


def test_scores_are_those_of_a_slow_loop_over_pairs_of_frames():
    torch.manual_seed(0)
    attention = RelativeAttention(8, 2, 0.0).double()
    x = torch.randn(6, 8, dtype=torch.float64)
    ours = attention(x, Squares.of([6], x.device), relative_sinusoids(6, 8, x))
    q, k, v = (linear(x).view(6, 2, 4) for linear in (attention.linear_q, attention.linear_k, attention.linear_v))
    mixed = torch.zeros(6, 2, 4, dtype=torch.float64)
    for head in range(2):
        for i in range(6):
            scores = []
            for j in range(6):
                angle = [(i - j) / 10000 ** (2 * pair / 8) for pair in range(4)]
                sinusoids = torch.tensor([f(a) for a in angle for f in (math.sin, math.cos)], dtype=torch.float64)
                r = attention.linear_pos(sinusoids).view(2, 4)[head]
                u, w = attention.pos_bias_u[head], attention.pos_bias_v[head]
                scores.append(((q[i, head] + u) @ k[j, head] + (q[i, head] + w) @ r) / 2)
            mixed[i, head] = torch.stack(scores).softmax(0) @ v[:, head]
    torch.testing.assert_close(ours, attention.linear_out(mixed.flatten(1)))


def test_the_published_shape_has_the_parameters_of_its_parts():
    with torch.device("meta"):
        trunk = ConformerTrunk(ConformerConfig())
    dim, ffn = 512, 2048
    feed_forward, attention = 2 * dim * ffn + ffn + dim, 5 * dim * dim + 4 * dim + 2 * dim
    convolution = 2 * dim * dim + 2 * dim + 31 * dim + dim + 2 * dim + dim * dim + dim
    front = 9 * dim + dim + 9 * dim * dim + dim + dim * 19 * dim + dim + 2 * dim
    expected = 8 * (2 * feed_forward + attention + convolution + 5 * 2 * dim) + front + dim
    assert sum(parameter.numel() for parameter in trunk.parameters()) == expected
