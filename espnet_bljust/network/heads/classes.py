"""A class an utterance in the place of a token sequence (phi): the mean over its frames, a linear layer, cross entropy.

    p(c | x) = softmax_c(W mean_t h_t + b)      f = -sum over utterances of ln p(class | x)
Packed rows hold no padding, so an utterance's mean is that of its own frames, whatever else is in the batch.
Ids are those of a token list: 0 (blank), 1 (unknown) and the last (sentence end) are no classes and have no weights.
The interface is CTCHead's, with one row of logits an utterance, whose best path is the best class.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.errors import InputError

NO_CLASS = (2, 1)  # ids before and behind the classes


class ClassHead(nn.Module):
    """Ids that are no classes get the logit minus infinity: they have no probability. One class is one token."""

    def __init__(self, dim: int, vocabulary: int, layer_norm: bool = False, per_token: bool = False) -> None:
        super().__init__()
        if vocabulary - sum(NO_CLASS) < 2:
            raise InputError(f"head_conf: kind mean has {max(0, vocabulary - sum(NO_CLASS))} classes to choose from. "
                             "Two are the least: check the words of the training text.")
        self.norm = nn.LayerNorm(dim) if layer_norm else nn.Identity()
        self.linear = nn.Linear(dim, vocabulary - sum(NO_CLASS))

    def forward(self, hidden: Tensor, lengths: list[int]) -> Tensor:
        """(row, dim) -> (utterance, token) logits."""
        mean = torch.stack([part.mean(0) for part in hidden.split(lengths)])
        return F.pad(self.linear(self.norm(mean)), NO_CLASS, value=-math.inf)

    @staticmethod
    def rows(lengths: list[int]) -> list[int]:
        """One an utterance."""
        return [1] * len(lengths)

    @staticmethod
    def loss_sum(logits: Tensor, lengths: list[int], labels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Cross entropy in nats, summed over utterances labelled with one class; (utterance,) bool: the others."""
        classes = range(NO_CLASS[0], logits.shape[1] - NO_CLASS[1])
        ids = [label.tolist() for label in labels]
        odd = torch.tensor([len(label) != 1 or label[0] not in classes for label in ids])
        kept = [index for index, without in enumerate(odd.tolist()) if not without]
        if not kept:
            return logits[:, classes.start : classes.stop].sum() * 0, odd
        due = torch.tensor([ids[index][0] for index in kept], device=logits.device)
        precise = logits[kept].to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(precise, due, reduction="sum"), odd
