"""The joint network as ESPnet2 sees a model: one forward a step, sums out; the trainer divides and combines."""

from collections.abc import Callable, Sequence

import torch
from espnet2.train.abs_espnet_model import AbsESPnetModel
from torch import Tensor

from espnet_bljust.bilevel.penalty import gradient_scale_edge
from espnet_bljust.network.heads.ctc import greedy
from espnet_bljust.network.heads.ssl_head import SSLSums
from espnet_bljust.network.joint import JointBatch, JointNetwork
from espnet_bljust.training.masks import LabelledDraw, PoolDraw
from espnet_bljust.training.micro_batch import unpad


class BLJustModel(AbsESPnetModel):
    """Wraps a JointNetwork, whose parameters stand under ``network.``.

    ``spell`` turns token ids into what is compared on dev, unit by unit: text, or of a class head the ids themselves.
    """

    def __init__(self, network: JointNetwork, spell: Callable[[list[int]], Sequence]) -> None:
        super().__init__()
        self.network = network
        self.spell = spell

    def forward(
        self,
        speech: Tensor | None = None,
        speech_lengths: Tensor | None = None,
        text: Tensor | None = None,
        text_lengths: Tensor | None = None,
        pool: Tensor | None = None,
        pool_lengths: Tensor | None = None,
        **settings: object,
    ) -> dict[str, object]:
        """Sums over one micro-batch.

        speech (utt, sample), text (utt, token): labelled audio, for the CTC loss; pool (utt, sample): audio of
        the self-supervised loss; either may be absent. ``settings``: hidden (masks.LabelledDraw),
        draw (masks.PoolDraw), temperature, edge, trunk_rests. ``pool`` of the result is for `self_supervised_sum`.
        """
        if speech is None and pool is None:  # no share of this batch: yet the processes' gradients are summed together
            part = self.network.head if settings.get("trunk_rests") else self.network.trunk
            nothing = sum((parameter * 0).sum() for parameter in part.parameters())
            return {"supervised": nothing, "infeasible": None, "pool": None}
        sums = self.network(_joint_batch(
            unpad(speech, speech_lengths), unpad(text, text_lengths), unpad(pool, pool_lengths), **settings))
        result = {"supervised": sums.ctc_sum, "infeasible": sums.infeasible, "pool": None}
        if not self.training and sums.logits is not None:
            result["greedy"] = greedy(sums.logits, sums.logit_lengths)
        if sums.ssl is not None:
            result |= {"pool": sums, **_stats(sums.ssl)}
        return result

    def collect_feats(self, speech: Tensor, speech_lengths: Tensor, **_: Tensor) -> dict[str, Tensor]:
        """The raw audio: the trunk takes no other feature."""
        return {"feats": speech, "feats_lengths": speech_lengths}


def _joint_batch(
    labelled: list[Tensor], labels: list[Tensor], pool: list[Tensor], *, hidden: LabelledDraw | None = None,
    draw: PoolDraw | None = None, temperature: float = 1.0, edge: float = 1.0, trunk_rests: bool = False,
) -> JointBatch:
    batch = JointBatch(labelled, labels, temperature=temperature, trunk_rests=trunk_rests)
    if hidden is not None:
        batch.labelled_mask, batch.spectrum = hidden
    if draw is not None:
        batch.pool, batch.pool_mask, batch.pool_negatives, batch.noise = draw.pieces(pool), *draw[:3]
    if edge != 1.0:
        batch.scale_edge = gradient_scale_edge(edge)
    return batch


def _stats(ssl: SSLSums) -> dict[str, Tensor]:
    """What is logged of the self-supervised loss: sums over its targets, and perplexities where there are codes."""
    found = {"contrastive": ssl.contrastive.detach(), "correct": torch.as_tensor(ssl.correct), "guess": ssl.guess}
    if ssl.diversity is not None:
        found |= {"diversity": ssl.diversity.detach() * ssl.num_masked, "code_perplexity": ssl.code_perplexity.detach(),
                  "prob_perplexity": ssl.probability_perplexity.detach()}
    return found


