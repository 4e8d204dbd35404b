"""Weights under other libraries' names: complete and one to one at every size, and the same numbers out of them."""


import pytest
import torch

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.convert import fairseq, huggingface, stock_espnet, torchaudio
from espnet_bljust.network.convert.fit import Shape

LARGE = {"dim": 1024, "num_layers": 24, "num_heads": 16, "ffn_dim": 4096, "extractor_norm": "layer", "conv_bias": True,
         "norm_first": True}
SIZES = {"base": {}, "large": LARGE}
VARIANTS = {"group, post": {}, "layer, pre": {"extractor_norm": "layer", "conv_bias": True, "norm_first": True},
            "group, bias, pre": {"conv_bias": True, "norm_first": True}, "layer, post": {"extractor_norm": "layer"}}


@pytest.fixture
def make_wider(make_network):
    """Extractor and transformer of different width, so that fairseq has a projection between them."""
    return lambda dtype=torch.float32, **changes: make_network(dtype, **{"dim": 36, **changes}).eval()


@pytest.fixture(autouse=True)
def no_rounding_to_float32(monkeypatch):
    """s3prl's norms call .float(), which would round the comparison in float64."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def shape_of(network):
    return Shape(network.trunk.config, network.ssl_config, network.ctc.ctc_lo.out_features)


def hf_model(shape, head):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: the extra `test`")
    config = transformers.Wav2Vec2Config.from_dict(
        huggingface.config(shape.trunk, shape.ssl, num_negatives=5, vocabulary=shape.vocabulary, head=head))
    return getattr(transformers, huggingface.ARCHITECTURES[head])(config)


def s3prl_model(shape):
    module = pytest.importorskip("s3prl.upstream.wav2vec2.wav2vec2_model", reason="needs the extra `s3prl`")
    from s3prl.upstream.utils import merge_with_parent

    config = fairseq.model_config(shape.trunk, shape.ssl, 5)
    return module.Wav2Vec2Model(merge_with_parent(module.Wav2Vec2Config, config))


def torchaudio_model(shape):
    import torchaudio as library

    return library.models.wav2vec2_model(**torchaudio.arguments(shape.trunk, shape.vocabulary))


# format: (their model, our state under their names, theirs under ours)
FORMATS = {
    "torchaudio": (torchaudio_model, lambda state, _: torchaudio.to_torchaudio(state), torchaudio.from_torchaudio),
    "huggingface ctc": (lambda shape: hf_model(shape, "ctc"), lambda state, _: huggingface.to_huggingface(state, "ctc"),
                        huggingface.from_huggingface),
    "huggingface pretraining": (lambda shape: hf_model(shape, "pretraining"),
                                lambda state, _: huggingface.to_huggingface(state, "pretraining"),
                                huggingface.from_huggingface),
    "s3prl": (s3prl_model, lambda state, shape: fairseq.to_fairseq(state, shape.trunk, "pretraining"),
              fairseq.from_fairseq),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FORMATS)
def test_names_and_shapes_are_all_of_theirs_and_come_back_as_ours(name, size):
    shape = Shape(TrunkConfig.from_dict(SIZES[size]), SSLConfig(), 32)
    build, there, back = FORMATS[name]
    ours = shape.parameters()
    exported = there(ours, shape)
    with torch.device("meta"):
        theirs = build(shape).state_dict()
    assert {key: value.shape for key, value in exported.state.items()} == {
        key: value.shape for key, value in theirs.items()}
    returned = back(exported.state)
    assert not returned.unknown and not returned.left_out
    assert {key: value.shape for key, value in returned.state.items()} == {
        key: value.shape for key, value in ours.items() if key not in exported.left_out}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", FORMATS)
def test_their_model_hears_the_same_and_its_weights_come_back_bit_by_bit(make_wider, make_waves, name, variant):
    network = make_wider(torch.float64, **VARIANTS[variant])
    shape, state = shape_of(network), network.state_dict()
    build, there, back = FORMATS[name]
    model = build(shape).double().eval()
    model.load_state_dict(there(state, shape).state, strict=True)
    for wave in make_waves(torch.float64):
        with torch.no_grad():
            features = network.trunk.extract([wave])
            hidden = network.trunk.encode(features)
            logits = network.ctc(hidden)
            expected = {"torchaudio": lambda w: model(w)[0], "huggingface ctc": lambda w: model(w).logits,
                        "huggingface pretraining": lambda w: model.wav2vec2(w).last_hidden_state,
                        "s3prl": lambda w: model.extract_features(w, None)["x"]}[name](wave[None].clone())[0]
        ours = logits if name in ("torchaudio", "huggingface ctc") else hidden
        assert torch.allclose(ours, expected, rtol=0, atol=1e-10)
    for key, value in back(model.state_dict()).state.items():
        assert torch.equal(value, state[key]), key


def test_stock_espnet_is_torchaudio_inside_a_prefix(make_wider):
    network = make_wider()
    state = network.state_dict()
    exported = stock_espnet.to_espnet(state)
    inner = {stock_espnet.ENCODER + key: value for key, value in torchaudio.to_torchaudio(state).state.items()}
    inner = {key: value for key, value in inner.items() if not key.startswith(stock_espnet.ENCODER + "aux.")}
    assert exported.state.keys() - inner.keys() == {"ctc.ctc_lo.weight", "ctc.ctc_lo.bias"}
    left = stock_espnet.from_espnet({**exported.state, "encoder.global_step": torch.zeros(1)})
    assert left.left_out == ["encoder.global_step"] and not left.unknown
    assert left.state.keys() == state.keys() - set(exported.left_out)


def test_a_fine_tuned_fairseq_model_has_the_trunk_and_the_ctc_layer(make_wider):
    network = make_wider()
    state = network.state_dict()
    exported = fairseq.to_fairseq(state, network.trunk.config, "ctc")
    assert {"w2v_encoder.proj.weight", "w2v_encoder.proj.bias"} == {
        key for key in exported.state if not key.startswith("w2v_encoder.w2v_model.")}
    assert all(key.startswith("ssl_head.") for key in exported.left_out)
    back = fairseq.from_fairseq(exported.state)
    assert back.state.keys() == state.keys() - set(exported.left_out) and not back.unknown


@pytest.mark.parametrize("name", FORMATS)
def test_both_spellings_of_weight_norm_are_read(make_wider, name):
    network = make_wider()
    shape, state = shape_of(network), network.state_dict()
    _, there, back = FORMATS[name]
    exported = there(state, shape).state
    spelt = {key.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v"): value for key, value in exported.items()}
    modern = {key.replace("weight_g", "parametrizations.weight.original0").replace(
        "weight_v", "parametrizations.weight.original1"): value for key, value in exported.items()}
    assert spelt.keys() != modern.keys()
    assert back(spelt).state.keys() == back(modern).state.keys() == back(exported).state.keys()


def test_fairseq_without_a_projection_is_the_identity(make_wider, make_waves):
    network = make_wider(torch.float64, dim=24)  # the extractor is 24 wide too
    state, config = network.state_dict(), network.trunk.config
    with pytest.raises(InputError, match="both 24 wide"):
        fairseq.to_fairseq(state, config, "pretraining")
    state["trunk.encoder.feature_projection.projection.weight"] = torch.eye(24, dtype=torch.float64)
    state["trunk.encoder.feature_projection.projection.bias"] = torch.zeros(24, dtype=torch.float64)
    exported = fairseq.to_fairseq(state, config, "pretraining")
    model = s3prl_model(shape_of(network)).double().eval()
    model.load_state_dict(exported.state, strict=True)
    back = fairseq.from_fairseq(exported.state)
    assert not back.unknown and back.state.keys() == {key for key in state if not key.startswith("ctc.")}
    network.load_state_dict({**state, **{key: value.double() for key, value in back.state.items()}})
    wave = make_waves(torch.float64)[0]
    with torch.no_grad():
        expected = model.extract_features(wave[None].clone(), None)["x"][0]
        assert torch.allclose(network.trunk.encode(network.trunk.extract([wave])), expected, rtol=0, atol=1e-10)


def test_fairseqs_text_of_layers_is_read_and_not_evaluated():
    read = fairseq.read_layers("[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]")
    assert tuple(map(tuple, read)) == TrunkConfig().conv_layers
    assert fairseq.read_layers(str(list(TrunkConfig().conv_layers))) == read


@pytest.mark.parametrize("changes", [{}, LARGE])
def test_configurations_give_back_the_options_that_shapes_do_not_tell(changes):
    trunk = TrunkConfig.from_dict(changes)
    expected = {"num_heads": trunk.num_heads, "norm_first": trunk.norm_first,
                "conv_layers": [list(layer) for layer in trunk.conv_layers]}
    assert torchaudio.trunk_options(torchaudio.arguments(trunk, 5)) == expected
    assert stock_espnet.trunk_options(stock_espnet.encoder_conf(trunk)) == expected
    config = huggingface.config(trunk, SSLConfig(), num_negatives=5, vocabulary=5, head="ctc")
    assert huggingface.trunk_options(config) == expected
    assert fairseq.trunk_options(fairseq.model_config(trunk, SSLConfig(), 5)) == expected
