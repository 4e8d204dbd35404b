"""Operations by hand of what torch's counter does not know, or takes for more: a grouped weight's gradient."""

import pytest
import torch

from espnet_bljust.network.flops import count_flops
from espnet_bljust.network.packed.relative_mixing import RelativeMixing


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_a_grouped_convolution_costs_its_groups_products_forward_and_twice_backward(groups):
    convolution, x = torch.nn.Conv1d(8, 16, 5, stride=2, groups=groups), torch.randn(3, 8, 21, requires_grad=True)
    forward = 2 * 3 * 9 * 16 * 5 * 8 // groups  # 9 frames come out
    assert count_flops(lambda: convolution(x)) == forward
    assert count_flops(lambda: convolution(x).sum().backward()) == 3 * forward
    assert count_flops(lambda: convolution(x.detach()).sum().backward()) == 2 * forward  # audio needs no gradient


def test_attention_with_relative_positions_costs_its_products_within_utterances():
    rows = [torch.randn(9, 2, 4, requires_grad=True) for _ in range(4)]
    r = torch.randn(11, 2, 4, requires_grad=True)  # 6 frames, 3 frames: 11 and 5 distances
    squares, distances = 2 * 2 * 4 * (6 * 6 + 3 * 3), 2 * 2 * 4 * (6 * 11 + 3 * 5)
    assert count_flops(lambda: RelativeMixing.apply(*rows, r, [6, 3], 0.0)) == 2 * squares + distances
    step = count_flops(lambda: RelativeMixing.apply(*rows, r, [6, 3], 0.0).sum().backward())
    assert step == 6 * squares + 3 * distances
