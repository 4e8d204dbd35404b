"""The CTC branch is Hugging Face's Wav2Vec2ForCTC: logits, loss in both reductions, and every gradient."""


import pytest
import torch

from espnet_bljust.network.joint import JointBatch
from tests.helpers import agreement, peers

pytest.importorskip("transformers", reason="transformers is not installed: the extra `test`")
BASE = {"dim": 64, "num_layers": 3, "num_heads": 4, "ffn_dim": 96, "pos_kernel": 32, "pos_groups": 4}
LARGE = {**BASE, "extractor_norm": "layer", "conv_bias": True, "norm_first": True}
LABELS = [torch.tensor([1, 2, 2, 3]), torch.tensor([4]), torch.tensor([5, 6, 5]), torch.tensor([1, 2] * 30)]
LENGTHS = (4000, 6400, 6400, 4000)  # short: in float32 CTC rounds its log-probabilities; the last label has no path


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("shape", [BASE, LARGE], ids=["base", "large"])
def test_ctc_logits_loss_and_gradients(make_network, make_waves, dtype, shape, reduction):
    network, waves = make_network(dtype, **shape).train(), make_waves(dtype, LENGTHS)
    agreement.spread_out(network)

    def theirs(network):
        peer = peers.Transformers(network, "CTC", ctc_loss_reduction=reduction, ctc_zero_infinity=True)
        audio = [wave.to(network.trunk.mask_embedding) for wave in waves]
        if shape is LARGE:
            logits, total = peer.logits_and_loss(audio, LABELS)
        else:  # one at a time: its group norm would average over padding
            logits, losses = zip(*(peer.logits_and_loss([wave], [label])
                                   for wave, label in zip(audio, LABELS, strict=True)), strict=True)
            logits, total = torch.cat(logits), sum(losses) / (len(waves) if reduction == "mean" else 1)
        total.backward()
        return peer, logits, total

    ours = loss(network, waves, reduction)
    ours.backward()
    peer, logits, expected = theirs(network)
    agreement.assert_agreement({"logits": (network.recognise(waves)[0], logits), "loss": (ours, expected)},
                           network, peer)


def loss(network, waves, reduction):
    """Ours is a sum; torch's mean divides each utterance by its tokens, and all by the utterances, lost ones too."""
    if reduction == "sum":
        sums = network(JointBatch(labelled=waves, labels=LABELS))
        assert sums.infeasible.tolist() == [False, False, False, True]
        return sums.ctc_sum
    each = [network(JointBatch(labelled=[wave], labels=[label])).ctc_sum / len(label)
            for wave, label in zip(waves, LABELS, strict=True)]
    return sum(each) / len(each)
