"""What every trunk promises: neighbours change no utterance, masks hide, wanted rows are rows, lengths."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import CPCConfig, SSLConfig, TrunkConfig
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.network.log_mel_config import CnnRnnConfig, ConformerConfig
from espnet_bljust.network.systems import read_configs

SMALL_CNN_RNN = {"num_mels": 20, "num_convolutions": 2, "maps": 4, "num_layers": 2, "hidden": 12, "dim": 16}
CONFORMER = ConformerConfig(num_mels=20, dim=16, num_layers=2, num_heads=2, ffn_dim=24, kernel=7, dropout=0.0,
                            attention_dropout=0.0)
FORMS = {
    "lstm": CnnRnnConfig(**SMALL_CNN_RNN, dropout=0.0),
    "gru with attention": CnnRnnConfig(**SMALL_CNN_RNN, cell="gru", attention=True, dropout=0.0),
    "conformer": CONFORMER,
    "conformer by 8": replace(CONFORMER, subsampling_factor=8),
    "conformer depthwise": replace(CONFORMER, subsampling="depthwise", subsampling_channels=6),
    "conformer depthwise by 8": replace(CONFORMER, subsampling="depthwise", subsampling_factor=8),
}
LENGTHS = (9600, 16000, 12345, 2700)


@pytest.fixture(params=FORMS)
def trunk(request):
    return make(request.param)


def make(form, dtype=torch.float64):
    torch.manual_seed(0)
    return JointNetwork(FORMS[form], SSLConfig(codes=8, latent_dim=8, final_dim=8), 7).to(dtype).trunk


@settings(max_examples=16, deadline=None, derandomize=True)
@given(form=st.sampled_from(sorted(FORMS)), lengths=st.lists(st.integers(2640, 9000), min_size=1, max_size=5),
       seed=st.integers(0, 99))
def test_an_utterance_alone_is_what_it_is_inside_any_batch(make_waves, form, lengths, seed):
    trunk, waves = make(form), make_waves(lengths=lengths, seed=seed)
    features = trunk.extract(waves)
    mask = torch.rand(len(features.rows), generator=torch.Generator().manual_seed(seed)) < 0.3
    together = trunk.encode(features, mask=mask).split(features.lengths)
    for wave, hidden, inside in zip(waves, mask.split(features.lengths), together, strict=True):
        alone = trunk.encode(trunk.extract([wave]), mask=hidden)
        torch.testing.assert_close(alone, inside, rtol=0, atol=1e-11)
    gradients = [torch.autograd.grad(total.square().sum(), trunk.parameters(), retain_graph=True, allow_unused=True)
                 for total in (torch.cat(together), torch.cat([
                     trunk.encode(trunk.extract([wave]), mask=hidden)
                     for wave, hidden in zip(waves, mask.split(features.lengths), strict=True)]))]
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9 * max(1.0, float(other.abs().max())))


def test_frames_are_as_many_as_the_configuration_says(trunk, make_waves):
    least = trunk.config.receptive_field
    for samples in (least, least + 1, least + 159, least + 160, least + 319, least + 320, least + 640, 5000, 16000):
        assert trunk.extract(make_waves(lengths=(samples,))).lengths == [trunk.config.num_frames(samples)]
    assert trunk.config.num_frames(least) == 1 and trunk.config.num_frames(least - 1) == 0
    with pytest.raises(ValueError, match=f"utterance 1 of the batch: {least - 1} samples give no frame"):
        trunk.extract(make_waves(lengths=(least, least - 1)))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "gru with attention"])
def test_frames_lie_a_hop_apart_around_their_centres(make_waves, form):
    """What a click changes: of the frames' features before any context, most at the frame whose centre is nearest."""
    trunk, (wave,) = make(form), make_waves(lengths=(16000,))
    front = trunk.convolutions.first if form == "lstm" else trunk.embed.conv
    assert trunk.config.num_frames(16000 + trunk.config.hop) == trunk.config.num_frames(16000) + 1
    for frame in (3, 5, 9):
        centre = trunk.config.first_centre + frame * trunk.config.hop
        click = torch.zeros_like(wave)
        click[centre - 8 : centre + 8] = 5.0
        mel = [trunk.log_mel([audio])[0] for audio in (wave, wave + click)]
        change = [front(each[None, None]) for each in mel]
        moved = (change[1] - change[0]).square().sum((0, 1, 3))
        assert int(moved.argmax()) == frame


def test_masked_frames_are_hidden_and_read_no_gradient(trunk, make_waves):
    features = trunk.extract(make_waves(lengths=LENGTHS))
    rows = features.rows.detach().requires_grad_()
    mask = torch.rand(len(rows), generator=torch.Generator().manual_seed(1)) < 0.4
    trunk.encode(features._replace(rows=rows), mask=mask).square().sum().backward()
    assert not rows.grad[mask].any() and rows.grad[~mask].any()
    assert trunk.mask_embedding.grad.any()


def test_wanted_rows_are_those_of_all_rows(trunk, make_waves):
    features = trunk.extract(make_waves(lengths=LENGTHS))
    want = torch.rand(len(features.rows), generator=torch.Generator().manual_seed(0)) < 0.3
    torch.testing.assert_close(trunk.encode(features, want=want), trunk.encode(features)[want])
    assert trunk.encode(features, want=torch.zeros_like(want)).shape == (0, trunk.config.dim)


def test_the_penalty_is_the_mean_square_before_the_norm_and_rows_are_normalised(trunk, make_waves):
    features = trunk.extract(make_waves(lengths=LENGTHS))
    assert features.penalty.shape == (sum(features.lengths),) and (features.penalty > 0).all()
    torch.testing.assert_close(features.rows.mean(1), torch.zeros_like(features.penalty), rtol=0, atol=1e-6)
    assert features.rows.shape[1] == trunk.config.feature_dim


def test_bfloat16_follows_float32(make_waves):
    for form in FORMS:
        trunk, waves = make(form, torch.float32), make_waves(dtype=torch.float32, lengths=LENGTHS)
        exact = trunk.encode(trunk.extract(waves))
        with torch.autocast("cpu", torch.bfloat16):
            rough = trunk.encode(trunk.extract(waves))
        assert (rough.float() - exact).norm() < 0.05 * exact.norm()


def test_systems_are_named_in_a_configuration_and_each_objective_has_its_own_key():
    trunk, ssl = read_configs({"trunk": "conformer", "trunk_conf": {"dim": 32}, "objective": "cpc",
                               "ssl_conf": {"unread": 1}, "cpc_conf": {"future_seconds": 0.5}})
    assert trunk.dim == 32 and ssl == CPCConfig(future_seconds=0.5)
    assert read_configs({}) == (TrunkConfig(), SSLConfig())
    with pytest.raises(InputError, match="trunk is 'rnn'. Known values: wav2vec2, cnn_rnn, conformer"):
        read_configs({"trunk": "rnn"})
    with pytest.raises(InputError, match="objective is 'apc'. Known values: wav2vec2, cpc"):
        read_configs({"objective": "apc"})
    with pytest.raises(InputError, match="trunk_conf of cnn_rnn: unknown key num_heads.*mean num_mels"):
        read_configs({"trunk": "cnn_rnn", "objective": "cpc", "trunk_conf": {"num_heads": 2}})
    with pytest.raises(InputError, match="objective wav2vec2 does not go with trunk cnn_rnn.*Set objective: cpc"):
        read_configs({"trunk": "cnn_rnn"})
    for trunk, wrong in (("cnn_rnn", {"cell": "rnn"}), ("conformer", {"kernel": 4}), ("conformer", {"num_heads": 3}),
                         ("conformer", {"subsampling_factor": 6}), ("conformer", {"subsampling": "separable"})):
        with pytest.raises(InputError, match=next(iter(wrong))):
            read_configs({"trunk": trunk, "objective": "cpc", "trunk_conf": wrong})
