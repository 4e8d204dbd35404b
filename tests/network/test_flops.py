"""Operations of convolutions, by hand; torch's counter takes a grouped weight's gradient for a full one's."""

import pytest
import torch

from espnet_bljust.network.flops import count_flops


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_a_grouped_convolution_costs_its_groups_products_forward_and_twice_backward(groups):
    convolution, x = torch.nn.Conv1d(8, 16, 5, stride=2, groups=groups), torch.randn(3, 8, 21, requires_grad=True)
    forward = 2 * 3 * 9 * 16 * 5 * 8 // groups  # 9 frames come out
    assert count_flops(lambda: convolution(x)) == forward
    assert count_flops(lambda: convolution(x).sum().backward()) == 3 * forward
    assert count_flops(lambda: convolution(x.detach()).sum().backward()) == 2 * forward  # audio needs no gradient
