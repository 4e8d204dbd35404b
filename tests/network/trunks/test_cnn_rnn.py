"""The CNN-RNN: published numbers of parameters, and the same numbers from torch's own modules on one utterance."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml

from espnet_bljust.network.heads.ctc import CTCHead
from espnet_bljust.network.log_mel_config import CnnRnnConfig
from espnet_bljust.network.trunks.cnn_rnn import CnnRnnTrunk

ROOT = Path(__file__).parents[3]
# Wav2Vec2-JUST report, table 2: (convolution blocks, recurrent layers) -> parameters
PUBLISHED = {(2, 4): 22415487, (3, 4): 22530847, (4, 4): 22646207, (2, 5): 27142271, (3, 5): 27257631,
             (4, 5): 27372991, (2, 6): 31869055, (3, 6): 31984415, (4, 6): 32099775}  # fmt: skip


@pytest.mark.parametrize("convolutions, layers", PUBLISHED)
def test_the_gru_variant_has_the_published_number_of_parameters(convolutions, layers):
    """The mask embedding, which the supervised network has no use for, is not among them."""
    settings = yaml.safe_load((ROOT / "conf/size/cnn_rnn_gru.yaml").read_text())["trunk_conf"]
    config = CnnRnnConfig.from_dict({**settings, "num_convolutions": convolutions, "num_layers": layers})
    with torch.device("meta"):
        trunk, head = CnnRnnTrunk(config), CTCHead(config.dim, 1023)
    assert count(trunk) - trunk.mask_embedding.numel() + count(head) == PUBLISHED[convolutions, layers]


@pytest.mark.parametrize("convolutions", [2, 3, 4])
@pytest.mark.parametrize("layers", [4, 5, 6])
def test_the_plain_cnn_bilstm_has_the_sum_of_its_parts(convolutions, layers):
    with torch.device("meta"):
        trunk = CnnRnnTrunk(CnnRnnConfig(num_convolutions=convolutions, num_layers=layers))
    lstm = 2 * 4 * (256 * 512 + 256 * 256 + 2 * 256)
    first, further, linear, norm = 9 * 32 + 32, 9 * 32 * 32 + 32, 32 * 40 * 512 + 512, 2 * 512
    parts = [first, (convolutions - 1) * further, linear, layers * (norm + lstm), 512 * 512 + 512, 512]
    assert count(trunk) == sum(parts)


@pytest.mark.parametrize("cell, kind", [("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU)])
def test_one_utterance_goes_through_torchs_own_modules_one_after_the_other(make_waves, cell, kind):
    torch.manual_seed(0)
    config = CnnRnnConfig(num_mels=20, num_convolutions=3, maps=4, num_layers=3, hidden=6, dim=10, cell=cell)
    trunk = CnnRnnTrunk(config).double().eval()
    waves = make_waves(lengths=(9600, 8000))
    features = trunk.extract(waves)
    mel, lengths = trunk.log_mel(waves)
    for wave, ours in zip(mel.split(lengths), trunk.encode(features).split(features.lengths), strict=True):
        x = trunk.convolutions.first(wave[None, None])
        for layer in trunk.convolutions.others:
            x = layer.convolution(F.gelu(x))
        x = trunk.projection(F.gelu(x[0].transpose(0, 1).flatten(1)))
        for layer in trunk.layers:
            theirs = kind(layer.layer_norm.normalized_shape[0], 6, bidirectional=True, batch_first=True).double()
            theirs.load_state_dict(layer.cell.state_dict())
            x = theirs(F.gelu(layer.layer_norm(x))[None])[0][0]
        torch.testing.assert_close(ours, F.gelu(trunk.output(x)))


def test_attention_in_a_block_is_torchs_multi_head_attention_over_the_frames_of_each_band():
    from espnet_bljust.network.trunks.residual_block import HEADS, MapAttention

    torch.manual_seed(0)
    attention, theirs = MapAttention(8).double(), torch.nn.MultiheadAttention(8, HEADS, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([attention.q_proj.weight, attention.k_proj.weight,
                                               attention.v_proj.weight]))
        theirs.in_proj_bias.copy_(torch.cat([attention.q_proj.bias, attention.k_proj.bias, attention.v_proj.bias]))
    theirs.out_proj.load_state_dict(attention.out_proj.state_dict())
    x = torch.randn(12, 5, 8, dtype=torch.float64)  # (row, band, map)
    ours = attention(x, [7, 5])
    for part, found in zip(x.split([7, 5]), ours.split([7, 5]), strict=True):
        band_first = part.transpose(0, 1)
        torch.testing.assert_close(found.transpose(0, 1), theirs(band_first, band_first, band_first)[0])


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())
