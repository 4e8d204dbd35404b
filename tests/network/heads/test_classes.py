"""The class head: mean over an utterance's own frames, cross entropy in closed form, ids that are no classes."""

import math

import pytest
import torch

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.heads.classes import ClassHead
from espnet_bljust.network.heads.ctc import greedy
from espnet_bljust.network.joint import JointBatch, JointNetwork

LENGTHS = [4, 1, 6]


def head_and_rows(layer_norm=False):
    torch.manual_seed(0)
    head = ClassHead(5, 7, layer_norm).double()  # 4 classes: ids 2 to 5
    return head, torch.randn(sum(LENGTHS), 5, dtype=torch.float64, requires_grad=True)


def test_loss_and_gradient_are_those_of_the_closed_form():
    """f = -sum ln softmax(W mean + b)[class];  df/dh_t = W^T (p - e_class) / T for each of the T frames."""
    head, rows = head_and_rows()
    labels = [torch.tensor([3]), torch.tensor([2]), torch.tensor([5])]
    total, odd = head.loss_sum(head(rows, LENGTHS), head.rows(LENGTHS), labels)
    weight, bias = head.linear.weight, head.linear.bias
    expected, gradients = 0.0, []
    for part, label in zip(rows.split(LENGTHS), labels, strict=True):
        mean = sum(part[t] for t in range(len(part))) / len(part)
        score = torch.exp(weight @ mean + bias)
        p = score / score.sum()
        expected = expected - math.log(float(p[int(label) - 2].detach()))
        error = p - torch.eye(4, dtype=torch.float64)[int(label) - 2]
        gradients += [weight.T @ error / len(part)] * len(part)
    assert not odd.any()
    assert float(total.detach()) == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(torch.autograd.grad(total, rows)[0], torch.stack(gradients).detach())


@pytest.mark.parametrize("layer_norm", [False, True])
def test_an_utterance_scores_the_same_alone_and_among_others(layer_norm):
    head, rows = head_and_rows(layer_norm)
    together = head(rows, LENGTHS)
    alone = [head(part, [len(part)]) for part in rows.split(LENGTHS)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-15)


def test_ids_that_are_no_classes_have_no_probability_and_are_never_said():
    head, rows = head_and_rows()
    logits = head(rows, LENGTHS)
    probability = logits.softmax(-1)
    assert (probability[:, [0, 1, 6]] == 0).all() and (probability[:, 2:6] > 0).all()
    said = greedy(logits, head.rows(LENGTHS))
    assert said == [[int(best)] for best in logits.argmax(-1)]


def test_utterances_without_a_single_class_are_named_and_leave_sum_and_gradient_finite():
    head, rows = head_and_rows()
    labels = [torch.tensor([1]), torch.tensor([2, 3]), torch.tensor([4])]
    logits = head(rows, LENGTHS)
    total, odd = head.loss_sum(logits, head.rows(LENGTHS), labels)
    assert odd.tolist() == [True, True, False]
    torch.testing.assert_close(total, -logits[2].log_softmax(-1)[4])
    (gradient,) = torch.autograd.grad(total, rows)
    assert torch.isfinite(gradient).all() and (gradient[:5] == 0).all()
    none, odd = head.loss_sum(head(rows, LENGTHS), head.rows(LENGTHS), [torch.tensor([0])] * 3)
    assert float(none.detach()) == 0 and odd.all() and none.requires_grad


def test_one_class_is_no_choice():
    with pytest.raises(InputError, match="1 classes to choose from"):
        ClassHead(5, 4)


@pytest.mark.parametrize("kind", ["ctc", "mean"])
def test_padding_and_neighbours_change_no_result_of_the_whole_network(kind, make_waves):
    torch.manual_seed(0)
    trunk = TrunkConfig(conv_layers=((8, 10, 5), (8, 4, 4), (8, 4, 4), (8, 4, 4)), dim=12, num_layers=2, num_heads=2,
                        ffn_dim=16, pos_kernel=8, pos_groups=2)
    ssl = SSLConfig(groups=2, codes=5, latent_dim=8, final_dim=8)
    network = JointNetwork(trunk, ssl, 7, HeadConfig(kind, layer_norm=True)).double().eval()
    waves = make_waves()
    labels = [torch.tensor([2 + index % 4]) for index in range(len(waves))]
    together = network(JointBatch(labelled=waves, labels=labels))
    alone = [network(JointBatch(labelled=[wave], labels=[label])) for wave, label in zip(waves, labels, strict=True)]
    torch.testing.assert_close(together.logits, torch.cat([one.logits for one in alone]), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(together.ctc_sum, sum(one.ctc_sum for one in alone), rtol=1e-9, atol=1e-9)
    logits, lengths = network.recognise(waves)
    torch.testing.assert_close(logits, together.logits)
    assert lengths == together.logit_lengths


def test_a_resting_trunk_gets_no_gradient_and_the_head_its_own(make_waves):
    torch.manual_seed(0)
    trunk = TrunkConfig(conv_layers=((8, 10, 5), (8, 4, 4), (8, 4, 4), (8, 4, 4)), dim=12, num_layers=2, num_heads=2,
                        ffn_dim=16, pos_kernel=8, pos_groups=2)
    network = JointNetwork(trunk, SSLConfig(groups=2, codes=5, latent_dim=8, final_dim=8), 7).double().eval()
    waves = make_waves()
    labels = [torch.tensor([2])] * len(waves)
    found = []
    for rests in (False, True):
        network.zero_grad(set_to_none=True)
        network(JointBatch(labelled=waves, labels=labels, trunk_rests=rests)).ctc_sum.backward()
        found.append({name: parameter.grad for name, parameter in network.named_parameters()})
    assert all(gradient is None for name, gradient in found[1].items() if name.startswith("trunk."))
    assert any(gradient is not None for name, gradient in found[0].items() if name.startswith("trunk."))
    for name in ("ctc.ctc_lo.weight", "ctc.ctc_lo.bias"):
        torch.testing.assert_close(found[0][name], found[1][name])
