"""Dropout by 16 bits a value: shares, means and independence of neighbours, beside the binomial's deviations."""

import pytest
import torch

from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.packed.dropout_factors import dropout_factors
from espnet_bljust.network.trunks.dropout import Dropout

VALUES = 400_000


@pytest.mark.parametrize("probability", [1e-5, 0.1, 0.5, 0.75, 1 - 1e-6])
def test_a_share_of_the_values_is_dropped_and_the_mean_is_kept(probability):
    torch.manual_seed(0)
    factors = dropout_factors(torch.empty(VALUES, dtype=torch.float64), probability)
    rounded = min(round(probability * 65536), 65535) / 65536
    assert abs(rounded - probability) <= 1 / 65536
    deviation = (rounded * (1 - rounded) / VALUES) ** 0.5
    assert abs(float((factors == 0).double().mean()) - rounded) <= 5 * deviation
    torch.testing.assert_close(factors[factors != 0].unique(), torch.full((1,), 1 / (1 - rounded)).double())


def test_neighbours_lags_and_the_next_call_are_independent():
    torch.manual_seed(1)
    like = torch.empty(VALUES // 8, 8)
    first, second = (dropout_factors(like, 0.5).flatten() - 1 for _ in range(2))
    for one, other in [(first, second), *((first[lag:], first[:-lag]) for lag in (1, 2, 3, 4, 5, 8, 64))]:
        assert abs(float((one * other).mean())) < 5 / VALUES**0.5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_module_drops_in_training_alone_and_its_gradient_is_what_it_multiplied_by(dtype):
    torch.manual_seed(0)
    dropout, x = Dropout(TrunkConfig(dropout=0.25)), torch.ones(7, 33, dtype=dtype, requires_grad=True)
    out = dropout(x)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert out.dtype == dtype and torch.equal(out, gradient) and 0 < int((out == 0).sum()) < out.numel()
    assert torch.equal(dropout.eval()(x), x)
