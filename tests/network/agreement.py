"""How closely our values and gradients agree with a peer's, and weights with which that can be told."""

import copy

import torch
from peers import name_in

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}  # of the largest entry of a tensor


def assert_agreement(values, network, peer, in_float64):
    """values: name -> (ours, theirs). These and all gradients agree to TOLERANCE of the largest entry of a tensor.

    Where float32 itself rounds by more, no gradient of ours is further from the peer's than three times what the peer's
    worst is from its own in float64. in_float64: network -> the peer on it, after its backward pass.
    """
    dtype, found = network.trunk.mask_embedding.dtype, {name: difference(*pair) for name, pair in values.items()}
    pairs = gradients(network, peer)
    found |= {name: difference(*pair, scale=scale(network, name)) for name, pair in pairs.items()}
    print(f"values {max(found[name] for name in values):.1e}, gradients {max(found[name] for name in pairs):.1e}")
    beyond = {name: value for name, value in found.items() if not value <= TOLERANCE[dtype]}
    if dtype == torch.float32 and beyond.keys() & pairs.keys():
        twin = copy.deepcopy(network).double()
        exact = gradients(twin, in_float64(twin))
        rounding = max(difference(pairs[name][1], exact[name][1], scale(network, name)) for name in pairs)
        print(f"{len(beyond)} of {len(pairs)} gradients above 1e-5; the peer itself rounds by {rounding:.1e}")
        beyond = {name: value for name, value in beyond.items() if name in values or not value <= 3 * rounding}
    assert beyond == {}


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
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=float(name.endswith("norm.weight")), std=0.2)
        elif ".layers." in name:
            chooses = "q_proj" in name or "k_proj" in name
            torch.nn.init.normal_(parameter, std=(1 if chooses else 0.5) * parameter.shape[1] ** -0.5)
