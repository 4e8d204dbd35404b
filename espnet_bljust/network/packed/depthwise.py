"""A depthwise convolution over rows, (row, channel), without turning them."""

import torch.nn.functional as F
from torch import Tensor


def depthwise(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """rows (row, channel), weight (channel, 1, odd tap) -> (row, channel); half a kernel of zeros stands at either end.

    On a CPU the rows are an image of one column, which oneDNN takes as it lies, channels last: less than half the time
    of torch's conv1d, which copies it into the other order and back.
    """
    padding, image = weight.shape[2] // 2, rows.t()[None]  # (1, channel, row)
    if rows.is_cuda:
        return F.conv1d(image, weight, bias, padding=padding, groups=len(weight))[0].t()
    return F.conv2d(image[..., None], weight[..., None], bias, padding=(padding, 0), groups=len(weight))[0, ..., 0].t()
