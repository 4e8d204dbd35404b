"""bfloat16 is used where it is measured to be faster."""

import pytest
import torch

from espnet_bljust.training.precision import GAIN, bfloat16_pays, product_seconds

CPU = torch.device("cpu")


@pytest.mark.parametrize(("low", "pays"), [(1 / 8, True), (0.99 / GAIN, True), (1.01 / GAIN, False), (2.0, False)])
def test_a_cpu_takes_bfloat16_only_where_its_products_are_clearly_faster(low, pays):
    assert bfloat16_pays(CPU, {torch.float32: 1.0, torch.bfloat16: low}.__getitem__) is pays


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_rule_times_a_real_product(dtype):
    assert 0 < product_seconds(dtype) < 60
