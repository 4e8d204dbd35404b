"""Attention by relative positions, an utterance at a time: its gradients are those of the padded form by autograd."""

import pytest
import torch

from espnet_bljust.network.packed.places import Places
from espnet_bljust.network.packed.relative_mixing import RelativeMixing
from espnet_bljust.network.trunks.relative_attention import mix

LENGTHS = [5, 8, 1, 8]


def inputs():
    torch.manual_seed(0)
    shapes = [(sum(LENGTHS), 2, 3)] * 4 + [(2 * max(LENGTHS) - 1, 2, 3)]
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def padded(*tensors):
    *rows, r = tensors
    longest, count = max(LENGTHS), len(LENGTHS)
    places = Places.of(LENGTHS, [longest] * count, torch.device("cpu"))
    valid = torch.arange(longest) < torch.tensor(LENGTHS)[:, None]
    squares = (places.spread(each).unflatten(0, (count, longest)) for each in rows)
    return places.collect(mix(*squares, r, valid, 0.0).flatten(0, 1))


def test_rows_and_gradients_are_those_of_one_padded_call():
    made = inputs()
    pull = torch.randn(made[0].shape, dtype=torch.float64)
    ours, theirs = RelativeMixing.apply(*made, LENGTHS, 0.0), padded(*made)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)
    gradients = [torch.autograd.grad((out * pull).sum(), made) for out in (ours, theirs)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_are_the_differences_with_dropout_too(dropout):
    def mixed(*tensors):
        torch.manual_seed(3)  # the same weights are dropped every time
        return RelativeMixing.apply(*tensors, LENGTHS, dropout)

    assert torch.autograd.gradcheck(mixed, inputs(), fast_mode=True)
    assert dropout == 0 or not torch.allclose(mixed(*inputs()), padded(*inputs()))
