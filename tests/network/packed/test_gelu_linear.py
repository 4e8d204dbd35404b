"""The memory-saving linear layer behind a GELU against torch's two calls."""

import torch

from espnet_bljust.network.packed.gelu_linear import GeluLinear


def test_its_gradients_are_right_to_the_finite_difference():
    torch.manual_seed(0)
    arguments = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((5, 4), (3, 4), (3,))]
    assert torch.autograd.gradcheck(GeluLinear.apply, arguments)
    plain = torch.nn.functional.linear(torch.nn.functional.gelu(arguments[0]), *arguments[1:])
    torch.testing.assert_close(GeluLinear.apply(*arguments), plain)


def test_it_keeps_only_what_it_was_given():
    x, weight, bias = torch.randn(50, 8, requires_grad=True), torch.randn(4, 8, requires_grad=True), torch.randn(4)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: (kept.append(tensor.data_ptr()), tensor)[1],
                                                  lambda tensor: tensor):
        GeluLinear.apply(x, weight, bias)
    assert kept == [x.data_ptr(), weight.data_ptr()]
