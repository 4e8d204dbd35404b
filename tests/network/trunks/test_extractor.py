"""The packed extractor against one convolution after the other, one utterance after the other."""

import pytest
import torch

from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.packed import packed_convolution
from espnet_bljust.network.trunks.extractor import FeatureExtractor

SHAPES = {
    "wav2vec 2.0": [[16, 10, 5], [20, 3, 2], [16, 3, 2], [16, 3, 2], [16, 3, 2], [16, 2, 2], [24, 2, 2]],
    "long kernels": [[40, 7, 2], [33, 5, 2], [12, 7, 3]],
    "strides of one": [[8, 4, 4], [36, 3, 1], [36, 1, 1]],
    "one layer": [[8, 10, 5]],
}


KINDS = {"products": {}, "convolutions": {"conv_bias": True}, "layer norm": {"extractor_norm": "layer"}}


def one_by_one(extractor, waves):
    """Torch's own convolution and norm, one utterance after the other."""
    rows = []
    for wave in waves:
        x = wave[None, None]
        for layer in extractor.conv_layers:
            x = layer.conv(x)
            if isinstance(layer.layer_norm, torch.nn.LayerNorm):
                x = layer.layer_norm(x.transpose(1, 2)).transpose(1, 2)
            elif layer.layer_norm is not None:
                x = layer.layer_norm(x)
            x = torch.nn.functional.gelu(x)
        rows.append(x[0].t())
    return torch.cat(rows)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_packed_rows_and_gradients_are_those_of_plain_convolutions(shape, kind, dtype):
    torch.manual_seed(0)
    extractor = FeatureExtractor(TrunkConfig(conv_layers=SHAPES[shape], **KINDS[kind]))
    torch.nn.init.normal_(extractor.conv_layers[0].layer_norm.weight)
    torch.nn.init.normal_(extractor.conv_layers[0].layer_norm.bias)
    extractor.to(dtype)
    waves = [torch.randn(n, dtype=dtype) + 0.5 for n in (12000, 400, 641, 3199, 3200, 3201)]
    packed, lengths = extractor(waves)
    plain = one_by_one(extractor, waves)
    assert sum(lengths) == len(plain)
    tolerance = {"rtol": 1e-4, "atol": 2e-5} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-11}
    torch.testing.assert_close(packed, plain, **tolerance)
    pull, parameters = torch.randn_like(plain), dict(extractor.named_parameters())
    ours, theirs = (torch.autograd.grad((out * pull).sum(), list(parameters.values())) for out in (packed, plain))
    for name, one, other in zip(parameters, ours, theirs, strict=True):
        if kind == "convolutions" and name == "conv_layers.0.conv.bias":
            assert not one.any()  # the group norm takes it away; torch's own convolution leaves rounding there
            continue
        scale = float(other.abs().max())
        torch.testing.assert_close(one / scale, other / scale, **tolerance)


@pytest.mark.parametrize("taps", [2, 3])
def test_gradients_of_bfloat16_weights_are_summed_over_blocks_in_float32(taps, monkeypatch):
    """Ones, block after block: in bfloat16, which has eight bits, the sum would stop growing at 256 blocks."""
    monkeypatch.setattr(packed_convolution, "BLOCK", 2)
    rows = 320 * 2
    x = torch.ones(2 * rows + taps - 2, 4, dtype=torch.bfloat16)
    weights = torch.ones(1, 8, taps * 4, dtype=torch.bfloat16, requires_grad=True)
    out = packed_convolution.PackedConvolution.apply(x, weights, [rows], 2, 0, False)
    out.backward(torch.ones_like(out))
    assert torch.equal(weights.grad, torch.full_like(weights, rows))


def test_under_bfloat16_autocast_rows_and_gradients_follow_float32():
    torch.manual_seed(0)
    extractor = FeatureExtractor(TrunkConfig(conv_layers=SHAPES["wav2vec 2.0"]))
    waves, found = [torch.randn(16000), torch.randn(4000)], {}
    for low in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            rows, _ = extractor(waves)
        extractor.zero_grad()
        rows.float().square().mean().backward()
        found[low] = [rows.float(), *(layer.conv.weight.grad for layer in extractor.conv_layers)]
    assert rows.dtype == torch.bfloat16
    for precise, rough in zip(found[False], found[True], strict=True):
        assert rough.dtype == torch.float32 and 0 < (precise - rough).norm() < 0.02 * precise.norm()
