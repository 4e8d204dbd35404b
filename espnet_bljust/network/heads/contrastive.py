"""The contrastive loss over masked frames: know the quantized positive among negatives of the same utterance.

    L = Σ_t − log( exp(sim(c_t, q_t) / κ) / Σ_{q ∈ Q_t} exp(sim(c_t, q) / κ) ),   Q_t = {q_t} ∪ negatives
Source: Baevski et al., arXiv:2006.11477, eq. 3. All similarities of an utterance are one (masked, masked)
matrix, from which each frame takes its numbers: no negative vector is ever copied.
A negative that is the same code as the positive is left out, known by the code and not by comparing floats. A frame
that is left without any was asked nothing: its loss is 0, and it is neither right nor wrong.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Contrast(NamedTuple):
    """Sums over frames."""

    loss: Tensor  # () nats
    correct: Tensor  # () frames whose positive is nearer than every negative, of those that have one
    guess: Tensor  # () nats of a guess: Σ ln(1 + negatives that were not left out)
    asked: Tensor  # () frames that have a negative


def contrast(
    predictions: Tensor, targets: Tensor, *, identities: Tensor, negatives: list[Tensor], temperature: float
) -> Contrast:
    """predictions, targets (frame, dim) packed; identities (frame,): equal where the target's codes are.

    negatives: an utterance each, (frame, negative) indices into that utterance's frames.
    """
    precise = torch.promote_types(predictions.dtype, torch.float32)
    predictions, targets = F.normalize(predictions.to(precise), dim=1), F.normalize(targets.to(precise), dim=1)
    sizes = [len(negative) for negative in negatives]
    loss = predictions.sum() * 0
    correct, asked = torch.zeros(2, dtype=torch.int64, device=predictions.device)
    guess = torch.zeros((), dtype=precise, device=predictions.device)
    for prediction, target, identity, negative in zip(
        predictions.split(sizes), targets.split(sizes), identities.split(sizes), negatives, strict=True
    ):
        if len(prediction) == 0:
            continue
        similarity = prediction @ target.t() / temperature  # (frame, frame)
        positive = similarity.diagonal()
        same = identity[negative] == identity[:, None]
        others = similarity.gather(1, negative).masked_fill(same, float("-inf"))  # (frame, negative)
        loss = loss + (torch.cat([positive[:, None], others], 1).logsumexp(1) - positive).sum()
        has_negative = (~same).any(1)
        correct = correct + (has_negative & (others < positive[:, None]).all(1)).sum()
        asked = asked + has_negative.sum()
        guess = guess + (~same).sum(1).to(precise).log1p().sum()
    return Contrast(loss, correct, guess, asked)
