"""Neighbours in a batch never change an utterance: hidden frames, losses and gradients, whatever lengths and order."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_bljust.network.joint import JointBatch

LENGTHS = st.lists(st.integers(400, 8000), min_size=1, max_size=5)
FORMS = st.sampled_from([{}, {"extractor_norm": "layer", "conv_bias": True, "norm_first": True}])
EXACT = 1e-12  # of the largest entry: only the order of sums differs


@settings(max_examples=30, deadline=None, derandomize=True)
@given(lengths=LENGTHS, form=FORMS, seed=st.integers(0, 99))
def test_hidden_frames_of_an_utterance_alone_are_those_inside_any_batch(make_network, make_waves, lengths, form, seed):
    trunk, waves = make_network(**form).trunk, make_waves(lengths=lengths, seed=seed)
    with torch.no_grad():
        features = trunk.extract(waves)
        together = trunk.encode(features).split(features.lengths)
        for wave, inside in zip(waves, together, strict=True):
            assert_same(trunk.encode(trunk.extract([wave])), inside)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(4000, 9000), min_size=2, max_size=4), form=FORMS, seed=st.integers(0, 99))
def test_sums_of_a_batch_and_their_gradients_are_those_of_its_utterances(
    make_network, make_waves, draw, lengths, form, seed
):
    network, waves = make_network(**form).train(), make_waves(lengths=lengths, seed=seed)
    masks, negatives, noise = draw(network, waves, seed=seed)
    parts = [sums([wave], network, *([part] for part in parts))
             for wave, *parts in zip(waves, masks, negatives, noise, strict=True)]
    whole, alone = sums(waves, network, masks, negatives, noise), [sum(one) for one in zip(*parts, strict=True)]
    for ours, expected in zip(whole, alone, strict=True):
        assert_same(ours, expected)
        gradients = [torch.autograd.grad(total, parameters(network), retain_graph=True, materialize_grads=True)
                     for total in (ours, expected)]
        largest = max(gradient.abs().max() for gradient in gradients[1])
        for pair in zip(*gradients, strict=True):
            assert_same(*pair, least=1e-3 * largest)  # a key's bias has no gradient but rounding


def sums(waves, network, masks, negatives, noise):
    """CTC, contrastive and penalty; the diversity is of a batch as a whole."""
    label = torch.tensor([1, 2, 2])
    out = network(JointBatch(labelled=waves, labels=[label] * len(waves), pool=waves, pool_mask=torch.cat(masks),
                             pool_negatives=negatives, noise=torch.cat(noise), temperature=1.7))
    return out.ctc_sum, out.ssl.contrastive, out.penalty_sum


def parameters(network):
    return list(network.parameters())


def assert_same(ours, expected, least=0.0):
    scale = max(float(expected.detach().abs().max()), float(least))
    assert float((ours - expected).detach().abs().max()) <= EXACT * scale
