"""How closely our values and gradients agree with a peer's, and weights with which that can be told."""

import math

import torch

from tests.helpers.peers import name_in

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}  # of the largest entry of a tensor


def assert_agreement(values, network, peer, whole=False):
    """values: name -> (ours, theirs). These and each gradient agree to TOLERANCE of the largest entry of a tensor.

    whole: in float32 the gradient is one vector, and agrees in its norm. Through 12 or 24 layers each program rounds a
    query's or key's own small gradient by some 1e-5 of it, the peer as much as we (told by the same step in float64).
    """
    dtype = network.trunk.mask_embedding.dtype
    pairs = gradients(network, peer)
    found = {name: difference(*pair) for name, pair in values.items()}
    each = {name: difference(*pair, scale=scale(network, name)) for name, pair in pairs.items()}
    apart, size = (math.sqrt(sum(float(part.double().square().sum()) for part in parts)) for parts in zip(
        *((ours - theirs, theirs) for ours, theirs in pairs.values()), strict=True))
    print(f"values {max(found.values()):.1e}, gradients {max(each.values()):.1e}, as one vector {apart / size:.1e}")
    found |= {"gradient": apart / size} if whole and dtype == torch.float32 else each
    assert {name: value for name, value in found.items() if not value <= TOLERANCE[dtype]} == {}


def gradients(network, peer):
    """(ours, theirs) by our name, of every parameter of the peer that has a gradient."""
    theirs = dict(peer.model.named_parameters())
    pairs = {name: (ours.grad, theirs.pop(name_in(peer, name)).grad)
             for name, ours in network.named_parameters() if name_in(peer, name) in theirs}
    assert not theirs, theirs.keys()
    return {name: pair for name, pair in pairs.items() if pair != (None, None)}


def scale(network, name):
    """What a gradient is measured by: a key's bias has none but rounding, so it is taken on the query's."""
    return network.get_parameter(name.replace("k_proj.bias", "q_proj.bias")).grad


def difference(ours, theirs, scale=None):
    """The largest, relative to the largest entry where that is not 0."""
    largest = (theirs if scale is None else scale).detach().abs().max()
    return float((ours - theirs).detach().abs().max() / (largest if largest else 1))


@torch.no_grad()
def spread_out(network):
    """Frames unlike each other and attention that chooses: else gradients are differences of nearly equal numbers."""
    for name, parameter in network.named_parameters():
        if "weight_proj" in name:  # a code that no frame has any probability of gives Hugging Face's perplexity a NaN
            parameter.mul_(0.2)
        elif parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=float(name.endswith("norm.weight")), std=0.2)
        elif ".layers." in name:
            chooses = "q_proj" in name or "k_proj" in name
            torch.nn.init.normal_(parameter, std=(1 if chooses else 0.5) * parameter.shape[1] ** -0.5)
