"""The trunk has the names and the values of torchaudio's Wav2Vec2Model, which stock ESPnet builds."""


import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from tests.helpers.agreement import TOLERANCE, difference
from tests.helpers.peers import outputs_of

torchaudio = pytest.importorskip("torchaudio", reason="torchaudio is not installed: the extra `train`")


def their_model(config):
    return torchaudio.models.wav2vec2_model(
        extractor_mode=f"{config.extractor_norm}_norm", extractor_conv_layer_config=list(config.conv_layers),
        extractor_conv_bias=config.conv_bias, encoder_embed_dim=config.dim, encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=config.pos_kernel, encoder_pos_conv_groups=config.pos_groups,
        encoder_num_layers=config.num_layers, encoder_num_heads=config.num_heads, encoder_attention_dropout=0.0,
        encoder_ff_interm_features=config.ffn_dim, encoder_ff_interm_dropout=0.0, encoder_dropout=0.0,
        encoder_layer_norm_first=config.norm_first, encoder_layer_drop=0.0, aux_num_out=None,
    )


@pytest.mark.parametrize("changes", [{}, {"extractor_norm": "layer", "conv_bias": True, "norm_first": True}],
                         ids=["base", "large"])
def test_same_names_and_same_values_with_the_state_of_either(make_network, make_waves, dtype, changes):
    trunk = make_network(dtype, **changes).trunk.eval()
    theirs = their_model(trunk.config).to(dtype).eval()
    state = {name: value for name, value in trunk.state_dict().items() if name != "mask_embedding"}
    theirs.load_state_dict(state, strict=True)
    trunk.load_state_dict({**theirs.state_dict(), "mask_embedding": trunk.mask_embedding}, strict=True)
    waves = make_waves(dtype)
    with torch.no_grad(), outputs_of(*trunk.encoder.transformer.layers) as hidden:
        features = trunk.extract(waves)
        ours = trunk.encode(features)
        layers = zip(*(theirs.extract_features(wave[None])[0] for wave in waves), strict=True)
        for one, expected in zip(hidden, layers, strict=True):
            assert difference(one, torch.cat([part[0] for part in expected])) <= TOLERANCE[dtype]
        expected = torch.cat([theirs(wave[None])[0][0] for wave in waves])
        assert difference(ours, expected) <= TOLERANCE[dtype]
        if changes:  # no group norm, so that it may have padding
            padded, lengths = theirs(pad_sequence(waves, batch_first=True), torch.tensor(list(map(len, waves))))
            assert lengths.tolist() == features.lengths
            inside = torch.cat([one[:length] for one, length in zip(padded, features.lengths, strict=True)])
            assert difference(ours, inside) <= TOLERANCE[dtype]


def test_the_default_is_torchaudios_base_shape():
    from espnet_bljust.network.config import TrunkConfig
    from espnet_bljust.network.trunks.trunk import Trunk

    with torch.device("meta"):
        ours, theirs = Trunk(TrunkConfig()).state_dict(), torchaudio.models.wav2vec2_base().state_dict()
    del ours["mask_embedding"]
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
