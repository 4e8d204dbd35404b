"""The supervised head (phi): a linear layer and the CTC loss over packed frames; blank is token 0.

Source: Graves et al., ICML 2006, sections 3.2 (best path decoding) and 4.1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

BLANK = 0


class CTCHead(nn.Module):
    """`ctc_lo` is the name of ESPnet's CTC. classes.py has a head of the same interface."""

    def __init__(self, dim: int, vocabulary: int, layer_norm: bool = False, per_token: bool = False) -> None:
        super().__init__()
        self.per_token = per_token
        self.norm = nn.LayerNorm(dim) if layer_norm else nn.Identity()
        self.ctc_lo = nn.Linear(dim, vocabulary)

    def forward(self, hidden: Tensor, lengths: list[int] | None = None) -> Tensor:
        """(row, dim) -> (row, token) logits, whichever rows are an utterance's."""
        return self.ctc_lo(self.norm(hidden))

    @staticmethod
    def rows(lengths: list[int]) -> list[int]:
        """Rows of logits that each utterance gets."""
        return lengths

    def loss_sum(self, logits: Tensor, lengths: list[int], labels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """`ctc_sum`."""
        return ctc_sum(logits, lengths, labels, per_token=self.per_token)


def ctc_sum(
    logits: Tensor, lengths: list[int], labels: list[Tensor], *, per_token: bool = False
) -> tuple[Tensor, Tensor]:
    """Sum in nats over the utterances that have a path, and (utterance,) bool: which have none.

    logits (row, token) packed; labels (token,) each. A label needs a frame, and one more between equal neighbours.
    ``per_token``: each utterance's loss is divided by its number of tokens (at least 1).
    """
    labels = [label.cpu() for label in labels]  # counted there, so that no GPU waits
    infeasible = torch.tensor([needed_frames(label) > length for label, length in zip(labels, lengths, strict=True)])
    kept = [index for index, hopeless in enumerate(infeasible.tolist()) if not hopeless]
    if not kept:
        return logits.sum() * 0, infeasible
    precise = torch.promote_types(logits.dtype, torch.float32)
    log_probability = logits.to(precise).log_softmax(-1).split(lengths)
    sizes = torch.tensor([len(labels[index]) for index in kept])
    losses = F.ctc_loss(
        pad_sequence([log_probability[index] for index in kept]),  # (frame, utterance, token)
        torch.cat([labels[index] for index in kept]).to(logits.device, torch.int64, non_blocking=True),
        torch.tensor([lengths[index] for index in kept]), sizes, blank=BLANK, reduction="none" if per_token else "sum",
    )
    return (losses / sizes.clamp_min(1).to(losses)).sum() if per_token else losses, infeasible


def needed_frames(label: Tensor) -> int:
    """Frames that the shortest path of a label takes."""
    return len(label) + int((label[1:] == label[:-1]).sum())


def greedy(logits: Tensor, lengths: list[int]) -> list[list[int]]:
    """The tokens of the best path of each utterance: repeats collapsed once, then blanks left out."""
    return [[token for token in best.unique_consecutive().tolist() if token != BLANK]
            for best in logits.argmax(-1).split(lengths)]
