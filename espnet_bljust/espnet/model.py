"""The joint network as ESPnet2 sees a model: one forward a step, sums out; the trainer divides and combines."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from espnet2.train.abs_espnet_model import AbsESPnetModel
from torch import Tensor

from espnet_bljust.bilevel.penalty import gradient_scale_edge
from espnet_bljust.network.heads.ctc import greedy
from espnet_bljust.network.heads.ssl_head import SSLSums
from espnet_bljust.network.joint import JointBatch, JointNetwork


class BLJustModel(AbsESPnetModel):
    """Wraps a JointNetwork, whose parameters stand under ``network.``.

    ``spell`` turns token ids into what is compared on dev, unit by unit: text, or of a class head the ids themselves.
    """

    def __init__(self, network: JointNetwork, spell: Callable[[list[int]], Sequence]) -> None:
        super().__init__()
        self.network = network
        self.spell = spell

    def forward(
        self, batch: JointBatch, *, temperature: float = 1.0, edge: float = 1.0, trunk_rests: bool = False,
        extractor_rests: bool = False,
    ) -> dict[str, object]:
        """Sums over one micro-batch, whose ``pool`` is for `self_supervised_sum`.

        ``temperature`` of the quantizer; ``edge``: factor of the self-supervised gradient where it enters the trunk;
        the trunk, or its extractor alone, may rest: no gradient reaches it.
        """
        rests = {"trunk_rests": trunk_rests, "extractor_rests": extractor_rests}
        if not batch.labelled and not batch.pool:  # no share: yet the processes' gradients are summed together
            return {"supervised": self.network.nothing(**rests), "infeasible": None, "pool": None}
        scale_edge = None if edge == 1.0 else gradient_scale_edge(edge)
        sums = self.network(replace(batch, temperature=temperature, scale_edge=scale_edge, **rests))
        result = {"supervised": sums.ctc_sum, "infeasible": sums.infeasible, "pool": None, **sums.parts}
        if not self.training and sums.logits is not None:
            result["greedy"] = greedy(sums.logits, sums.logit_lengths)
        if sums.ssl is not None:
            result |= {"pool": sums, **_stats(sums.ssl)}
        return result

    def collect_feats(self, speech: Tensor, speech_lengths: Tensor, **_: Tensor) -> dict[str, Tensor]:
        """The raw audio: the trunk takes no other feature."""
        return {"feats": speech, "feats_lengths": speech_lengths}


def _stats(ssl: SSLSums) -> dict[str, Tensor]:
    """What is logged of the self-supervised loss: sums over its targets, and perplexities where there are codes."""
    found = {"contrastive": ssl.contrastive.detach(), "correct": ssl.correct, "asked": ssl.asked, "guess": ssl.guess}
    if ssl.diversity is not None:
        found |= {"diversity": ssl.diversity.detach() * ssl.num_masked, "code_perplexity": ssl.code_perplexity.detach(),
                  "prob_perplexity": ssl.probability_perplexity.detach()}
    return found
