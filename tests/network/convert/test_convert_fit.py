"""Weights that do not fit are refused in one line that says what differs; what may be missing is named."""

import pytest
import torch

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.convert.fit import Shape, fit
from espnet_bljust.network.convert.sizes import sizes


@pytest.fixture
def network(make_network):
    return make_network(torch.float32)


@pytest.fixture
def shape(network):
    return Shape(network.trunk.config, network.ssl_config, 7)


def refused(state, shape, options=None):
    with pytest.raises(InputError) as caught:
        fit(state, shape, options=options or {}, where="x.pt")
    assert str(caught.value).startswith("x.pt: ") and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_network_fits_and_nothing_is_fresh(network, shape):
    result = fit(network.state_dict(), shape, options={}, where="x")
    assert result.fresh == [] and result.state.keys() == network.state_dict().keys()


@pytest.mark.parametrize(("prefix", "words"), [("ssl_head.", "self-supervised head"), ("ctc.", "CTC head"),
                                               ("trunk.mask_embedding", "mask embedding")])
def test_an_absent_head_or_mask_embedding_starts_fresh(network, shape, prefix, words):
    state = {name: value for name, value in network.state_dict().items() if not name.startswith(prefix)}
    result = fit(state, shape, options={}, where="x")
    assert result.fresh == [words] and result.state.keys() == state.keys()


@pytest.mark.parametrize("name", ["ssl_head.quantizer.codevectors", "ctc.ctc_lo.bias",
                                  "trunk.encoder.transformer.layers.1.attention.q_proj.weight"])
def test_one_missing_parameter_of_a_part_is_named(network, shape, name):
    state = network.state_dict()
    del state[name]
    assert f"1 missing ({name}); 0 without a place" in refused(state, shape)


def test_a_parameter_without_a_place_is_named(network, shape):
    state = {**network.state_dict(), "trunk.adapter.weight": torch.zeros(1)}
    assert "0 missing; 1 without a place (trunk.adapter.weight)" in refused(state, shape)


def test_numbers_that_are_not_finite_are_named(network, shape):
    state = network.state_dict()
    state["ctc.ctc_lo.bias"] = torch.full((7,), float("nan"))
    assert "1 such tensors (ctc.ctc_lo.bias)" in refused(state, shape)


def test_half_precision_becomes_what_the_network_has(network, shape):
    state = {name: value.half() for name, value in network.state_dict().items()}
    assert {value.dtype for value in fit(state, shape, options={}, where="x").state.values()} == {torch.float32}


@pytest.mark.parametrize(("changes", "said"), [
    ({"dim": 36}, "dim 36 there, 24 here"), ({"num_layers": 3}, "num_layers 3 there, 2 here"),
    ({"ffn_dim": 44}, "ffn_dim 44 there, 40 here"), ({"pos_kernel": 8}, "pos_kernel 8 there, 16 here"),
    ({"pos_groups": 2}, "pos_groups 2 there, 4 here"), ({"conv_bias": True}, "conv_bias True there, False here"),
    ({"extractor_norm": "layer"}, "extractor_norm layer there, group here"),
])
def test_another_size_names_the_options_that_differ(make_network, shape, changes, said):
    assert said in refused(make_network(torch.float32, **changes).state_dict(), shape)


@pytest.mark.parametrize(("options", "said"), [
    ({"num_heads": 4}, "num_heads 4 there, 3 here"), ({"norm_first": True}, "norm_first True there, False here"),
    ({"conv_layers": [[16, 10, 4]]}, "conv_layers [[16, 10, 4]] there, [[16, 10, 5], [20")])
def test_what_shapes_do_not_tell_is_compared_too(network, shape, options, said):
    assert said in refused(network.state_dict(), shape, options)


def test_differing_shapes_are_shown_and_counted():
    with torch.device("meta"):
        large = Shape(TrunkConfig(dim=1024, num_layers=24, num_heads=16, ffn_dim=4096), SSLConfig(final_dim=768), 32)
    message = refused(large.parameters(), Shape(TrunkConfig(), SSLConfig(), 32))
    for said in ("dim 1024 there, 768 here", "num_layers 24 there, 12 here", "ffn_dim 4096 there, 3072 here",
                 "final_dim 768 there, 256 here", "trunk.mask_embedding (1024,) there, (768,) here", ", ...)"):
        assert said in message


def test_sizes_of_the_published_shapes_are_read_from_their_tensors():
    trunk, ssl = TrunkConfig(), SSLConfig(codes=64, final_dim=128)
    strides = [stride for _, _, stride in trunk.conv_layers]
    read = sizes(Shape(trunk, ssl, 32).parameters(), strides)
    assert TrunkConfig.from_dict({name: read.pop(name) for name in list(read) if hasattr(trunk, name)}) == trunk
    assert read == {"groups": 2, "codes": 64, "latent_dim": 256, "final_dim": 128}


@pytest.mark.parametrize("broken", [torch.zeros(0), torch.zeros(()), torch.zeros(2, 0, 3)])
def test_weights_of_senseless_shape_are_refused_too(network, shape, broken):
    for name in network.state_dict():
        refused({**network.state_dict(), name: broken}, shape)
