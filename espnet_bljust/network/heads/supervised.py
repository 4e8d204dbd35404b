"""f of a batch: the head's loss at the trunk's output, at layers within it, and the agreement of two views.

    f = (1 - w) L(h) + w mean_l L(h_l)  +  a L_CR,      w, a: intermediate_weight, consistency of HeadConfig
    L_CR = 1/2 Σ_t [ KL(sg(p'_t) ‖ p_t) + KL(sg(p_t) ‖ p'_t) ]      p, p': posteriors of the two views; sg: no gradient
With two views L is the mean of both views' losses. All terms are sums over an utterance's frames (per_token: by its
tokens), and then over utterances.
Sources: Yao et al., arXiv:2410.05101, eq. 4 to 6; Lee and Watanabe, arXiv:2102.03216, section 3.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.heads.classes import ClassHead
from espnet_bljust.network.heads.ctc import CTCHead


class Supervised(NamedTuple):
    """Sums over a batch."""

    total: Tensor  # () nats
    infeasible: Tensor  # (utterance,) bool
    logits: Tensor  # of every view, one view behind the other
    # () without gradient: ctc, intermediate, consistency in nats; tokens, over which ctc is a sum of a token's losses
    parts: dict[str, Tensor]


def supervised(
    head: CTCHead | ClassHead, config: HeadConfig, hidden: Tensor, *, inner: list[Tensor], lengths: list[int],
    labels: list[Tensor], views: int = 1,
) -> Supervised:
    """hidden (row, dim) of all views, ``inner`` the same of layers within the trunk; lengths, labels: of one view."""
    rows, utterances = lengths * views, len(labels)
    logits = head(hidden, rows)
    total, infeasible = head.loss_sum(logits, head.rows(rows), labels * views)
    total = total / views
    sizes = [1 if config.per_token else len(label) for label in labels]
    tokens = sum(size for size, hopeless in zip(sizes, infeasible.tolist(), strict=False) if not hopeless)
    parts = {"ctc": total.detach(), "tokens": torch.tensor(float(tokens))}
    if inner:
        # not by calling the head: what watches its input (balance.py) means the trunk's output
        losses = [head.loss_sum(head.forward(each, rows), head.rows(rows), labels * views)[0] for each in inner]
        mean = sum(losses) / (len(losses) * views)
        parts["intermediate"] = mean.detach()
        total = (1 - config.intermediate_weight) * total + config.intermediate_weight * mean
    if views == 2:
        each = torch.stack([part.sum() for part in disagreement(*logits.chunk(2)).split(lengths)])
        if config.per_token:
            each = each / torch.tensor([max(1, len(label)) for label in labels]).to(each)
        parts["consistency"] = each.detach().sum()
        total = total + config.consistency * each.sum()
    return Supervised(total, infeasible[:utterances], logits, parts)


def disagreement(first: Tensor, second: Tensor) -> Tensor:
    """(row,): L_CR of every frame; each view's logits (row, token) are drawn to what the other says."""
    precise = torch.promote_types(first.dtype, torch.float32)
    first, second = (logits.to(precise).log_softmax(-1) for logits in (first, second))
    both = F.kl_div(first, second.detach(), reduction="none", log_target=True) + F.kl_div(
        second, first.detach(), reduction="none", log_target=True)
    return both.sum(-1) / 2
