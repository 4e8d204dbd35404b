"""Consistency of two views and CTC within the trunk: by hand, by brute loops, by a shorter trunk, by icefall's form."""

from dataclasses import replace

import pytest
import torch

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import CPCConfig, TrunkConfig
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.heads.ctc import ctc_sum
from espnet_bljust.network.heads.supervised import disagreement
from espnet_bljust.network.joint import JointBatch, JointNetwork
from espnet_bljust.network.log_mel_config import CnnRnnConfig, ConformerConfig
from espnet_bljust.network.trunks.log_mel import SpectrumMask

WAV2VEC2 = TrunkConfig(conv_layers=((8, 10, 5), (8, 4, 4), (8, 4, 4), (8, 4, 4)), dim=12, num_layers=3, num_heads=2,
                       ffn_dim=16, pos_kernel=8, pos_groups=2, dropout=0.0, attention_dropout=0.0,
                       projection_dropout=0.0, feature_dropout=0.0)
CNN_RNN = CnnRnnConfig(num_mels=12, num_convolutions=2, maps=4, num_layers=3, hidden=8, dim=12, dropout=0.0)
TRUNKS = {
    "post-norm": WAV2VEC2, "pre-norm": replace(WAV2VEC2, norm_first=True), "lstm": CNN_RNN,
    "gru": replace(CNN_RNN, cell="gru"),
    "conformer": ConformerConfig(num_mels=12, dim=12, num_layers=3, num_heads=2, ffn_dim=16, kernel=5, dropout=0.0,
                                 attention_dropout=0.0),
}
LABELS = [torch.tensor([1, 2, 2]), torch.tensor([3, 4])]
every_trunk = pytest.mark.parametrize("name", TRUNKS)


def network_of(trunk, head):
    torch.manual_seed(0)
    return JointNetwork(trunk, CPCConfig(final_dim=8), 6, head).double().train()


def waves():
    return [0.1 * torch.randn(size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
            for size in (8000, 6000)]


def test_disagreement_is_the_symmetric_divergence_by_loops_and_pulls_each_view_to_the_other():
    first, second = (torch.randn(5, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    found = disagreement(first, second)
    p, q = first.detach().softmax(-1), second.detach().softmax(-1)
    for row in range(5):
        expected = 0.0
        for token in range(4):
            expected += 0.5 * float(q[row, token] * (q[row, token] / p[row, token]).log())
            expected += 0.5 * float(p[row, token] * (p[row, token] / q[row, token]).log())
        assert float(found[row].detach()) == pytest.approx(expected, rel=1e-12)
    found.sum().backward()  # d KL(sg(q) || softmax(x)) / dx = softmax(x) - q
    torch.testing.assert_close(first.grad, 0.5 * (p - q), rtol=0, atol=1e-12)
    torch.testing.assert_close(second.grad, 0.5 * (q - p), rtol=0, atol=1e-12)


def test_the_sum_of_both_views_is_half_of_icefalls_exchanged_targets():
    """Its train.py sums CTC and KL over the doubled batch, targets exchanged and detached, and halves both."""
    logits = torch.randn(14, 6, dtype=torch.float64)
    log_p = logits.log_softmax(-1)
    exchanged = torch.cat(log_p.chunk(2)[::-1]).detach()
    theirs = torch.nn.functional.kl_div(log_p, exchanged, reduction="none", log_target=True).sum() * 0.5
    torch.testing.assert_close(disagreement(*logits.chunk(2)).sum(), theirs)


@every_trunk
def test_two_equal_views_are_one_and_agree(name):
    one = network_of(TRUNKS[name], HeadConfig())(JointBatch(labelled=waves(), labels=LABELS))
    two = network_of(TRUNKS[name], HeadConfig(consistency=0.5))(JointBatch(labelled=waves(), labels=LABELS, views=2))
    torch.testing.assert_close(two.ctc_sum, one.ctc_sum, rtol=1e-10, atol=0)
    assert abs(float(two.parts["consistency"])) < 1e-12 and two.infeasible.tolist() == one.infeasible.tolist()


@every_trunk
@pytest.mark.parametrize("per_token", [False, True])
@torch.no_grad()
def test_two_views_cost_the_mean_of_their_losses_and_what_they_disagree(name, per_token):
    """Each view by itself through the network, then the formula."""
    trunk = TRUNKS[name]
    frames = [trunk.num_frames(len(wave)) for wave in waves()]
    generator = torch.Generator().manual_seed(3)
    mask = torch.rand(2 * sum(frames), generator=generator) < 0.3
    plain = network_of(trunk, HeadConfig(per_token=per_token))
    each = [plain(JointBatch(labelled=waves(), labels=LABELS, labelled_mask=part)) for part in mask.chunk(2)]
    consistency = [float(part.sum()) for part in disagreement(*(one.logits for one in each)).split(frames)]
    if per_token:
        consistency = [total / len(label) for total, label in zip(consistency, LABELS, strict=True)]
    both = network_of(trunk, HeadConfig(consistency=0.2, per_token=per_token))(
        JointBatch(labelled=waves(), labels=LABELS, labelled_mask=mask, views=2))
    expected = sum(float(one.ctc_sum) for one in each) / 2 + 0.2 * sum(consistency)
    assert float(both.ctc_sum) == pytest.approx(expected, rel=1e-10)
    assert sum(consistency) > 1e-5
    assert float(both.parts["ctc"]) == pytest.approx(sum(float(one.ctc_sum) for one in each) / 2, rel=1e-10)


def test_views_that_share_their_features_are_those_extracted_apart():
    trunk = TRUNKS["conformer"]
    frames = [(len(wave) - 400) // 160 + 1 for wave in waves()]
    nothing = SpectrumMask(torch.zeros(2 * sum(frames), dtype=torch.bool), torch.zeros(4, 12, dtype=torch.bool))
    mask = torch.rand(2 * sum(trunk.num_frames(len(wave)) for wave in waves())) < 0.3
    found = []
    for spectrum in (None, nothing):
        network = network_of(trunk, HeadConfig(consistency=0.2))
        total = network(JointBatch(waves(), LABELS, mask, spectrum, views=2)).ctc_sum
        total.backward()
        found.append([total, *(p.grad for p in network.parameters() if p.grad is not None)])
    assert len(found[0]) == len(found[1]) > 20
    for shared, apart in zip(*found, strict=True):
        torch.testing.assert_close(shared, apart, rtol=1e-9, atol=1e-11)


def shorter(trunk, layers, whole):
    """The same trunk without its last layers, with the weights of ``whole``."""
    network = network_of(replace(trunk, num_layers=layers), HeadConfig())
    kept = network.state_dict().keys()
    network.load_state_dict({name: value for name, value in whole.state_dict().items() if name in kept})
    return network


@every_trunk
@torch.no_grad()
def test_the_loss_within_the_trunk_is_that_of_a_trunk_which_ends_there(name):
    trunk = TRUNKS[name]
    network = network_of(trunk, HeadConfig(intermediate_layers=(1, 2), intermediate_weight=0.3))
    batch = JointBatch(labelled=waves(), labels=LABELS)
    found = network(batch)
    inner = [float(shorter(trunk, layers, network)(batch).ctc_sum) for layers in (1, 2)]
    last = float(network.eval()(batch).ctc_sum)
    assert float(found.ctc_sum) == pytest.approx(0.7 * last + 0.3 * sum(inner) / 2, rel=1e-10)
    assert float(found.parts["intermediate"]) == pytest.approx(sum(inner) / 2, rel=1e-10)
    assert float(found.parts["ctc"]) == pytest.approx(last, rel=1e-10)


def test_a_dropped_layer_is_tapped_as_the_one_before_it():
    network = network_of(replace(WAV2VEC2, layer_drop=0.999999), HeadConfig(intermediate_layers=(1, 2)))
    found = network(JointBatch(labelled=waves(), labels=LABELS))  # every layer is left out
    assert float(found.parts["intermediate"]) == pytest.approx(float(found.parts["ctc"]), rel=1e-12)


def test_the_gradient_within_the_trunk_reaches_no_layer_behind_the_tap():
    network = network_of(WAV2VEC2, HeadConfig(intermediate_layers=(1,), intermediate_weight=1.0))
    network(JointBatch(labelled=waves(), labels=LABELS)).ctc_sum.backward()
    moved = {index: any(p.grad is not None and p.grad.abs().max() > 0 for p in layer.parameters())
             for index, layer in enumerate(network.trunk.encoder.transformer.layers, 1)}
    assert moved == {1: True, 2: False, 3: False}


def test_evaluation_reads_the_last_layer_alone():
    network = network_of(WAV2VEC2, HeadConfig(consistency=0.2, intermediate_layers=(1,))).eval()
    found = network(JointBatch(labelled=waves(), labels=LABELS))
    plain, _ = ctc_sum(found.logits, found.logit_lengths, LABELS)
    assert torch.equal(found.ctc_sum, plain) and found.parts.keys() == {"ctc", "tokens"}


@pytest.mark.parametrize(("options", "named"), [
    ({"intermediate_layers": [3]}, r"intermediate_layers \[3\] are to lie within the trunk's 3 layers"),
    ({"intermediate_layers": [0]}, r"head_conf: intermediate_layers is \[0\], not a list, each a whole number from 1"),
    ({"intermediate_layers": [1.5]}, r"intermediate_layers is \[1.5\], not a list"),
    ({"intermediate_layers": 2}, "head_conf: intermediate_layers is 2, not a list"),
    ({"intermediate_weight": 1.5}, "intermediate_weight is 1.5, not a share from 0 to 1"),
    ({"consistency": -1}, "consistency is -1, not a number from 0 below 100"),
    ({"kind": "mean", "consistency": 0.2}, "consistency is for kind ctc alone"),
])  # fmt: skip
def test_an_odd_option_is_named(options, named):
    with pytest.raises(InputError, match=named):
        network_of(WAV2VEC2, HeadConfig.from_dict(options))
