"""Each dropout sits where the peers have it: with one alone at a probability of (nearly) 1, all it touches is zero.

So the result is again exact, and tells the place without a word about how the zeros are drawn.
"""


import pytest

from tests.helpers import agreement, peers

NEARLY_ONE = 1 - 1e-12  # ours are in [0, 1)
NAMES = {  # ours -> (Hugging Face's, s3prl's)
    "dropout": ("hidden_dropout", "dropout"), "attention_dropout": ("attention_dropout", "attention_dropout"),
    "activation_dropout": ("activation_dropout", "activation_dropout"),
    "projection_dropout": ("feat_proj_dropout", "dropout_input"),
    "feature_dropout": ("feat_quantizer_dropout", "dropout_features"), "layer_drop": ("layerdrop", "encoder_layerdrop"),
}


@pytest.mark.parametrize("peer", ["transformers", "s3prl"])
@pytest.mark.parametrize("norm_first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.parametrize("name", NAMES)
def test_a_dropout_alone_silences_what_it_silences_in_the_peer(make_network, make_waves, draw, name, norm_first, peer):
    pytest.importorskip(peer, reason=f"{peer} is not installed: the extra `bench`")
    network = make_network(dim=48, norm_first=norm_first, **{name: NEARLY_ONE}).train()
    waves = make_waves(lengths=(9600, 9600))
    kind, theirs = (peers.Transformers, NAMES[name][0]) if peer == "transformers" else (peers.S3prl, NAMES[name][1])
    drawn = peers.Draw(*draw(network, waves, equal_counts=True))
    drawn = drawn._replace(negatives=peers.negatives_of_other_codes(network, waves, drawn))
    ours, silenced = peers.our_step(network, waves, drawn), kind(network, **{theirs: 1.0}).step(waves, drawn)
    untouched = kind(network).step(waves, drawn)
    for pair in zip(ours.hidden, silenced.hidden, strict=True):
        assert agreement.difference(*pair) <= 1e-10
    assert agreement.difference(ours.contrastive, silenced.contrastive) <= 1e-10
    assert agreement.difference(untouched.contrastive, silenced.contrastive) > 1e-4
