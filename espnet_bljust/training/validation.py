"""Dev CER over the whole set (edits / reference characters), CTC loss, and the self-supervised loss beside it.

An utterance too short for its transcript in CTC has no loss; one that cannot be heard counts as one in which nothing
was recognised.
With token type phn the units are phones, and what stands as CER everywhere in training is the phone error rate.
Of a class head, the share of wrong utterances stands for the CER and its cross entropy for the CTC loss.
"""

import math
from collections.abc import Iterator
from typing import Protocol

import editdistance
import torch

from espnet_bljust.training.micro_batch import MicroBatch
from espnet_bljust.training.processes import Processes
from espnet_bljust.training.stopping import requested

NAMES = ("asked_to_stop", "edits", "characters", "supervised", "labelled", "contrastive", "correct", "asked",
         "masked", "hypotheses", "empty")


class Batches(Protocol):
    """The validation set, the same at every epoch (espnet/iterator.py has it)."""

    def build_iter(self, epoch: int) -> Iterator[MicroBatch]: ...


class Validator:
    """One evaluation of a model in `eval` mode; every process takes its batches, the sums are added up."""

    def __init__(self, batches: Batches, processes: Processes) -> None:
        self.batches, self.processes = batches, processes

    @torch.no_grad()
    def __call__(self, model: torch.nn.Module, temperature: float) -> dict[str, float] | None:
        """cer (fraction), ctc (nats per utterance), contrastive (nats per masked frame), and two fractions.

        ssl_accuracy: of the masked frames that have a negative, NaN without any; empty: of hypotheses without a token.

        None on all processes when one was asked to stop: what is left of the set does not matter then.
        """
        network = self.processes.unwrap(model)
        network.eval()
        sums = dict.fromkeys(NAMES, 0.0)
        for batch in self.batches.build_iter(0):
            if requested():
                break
            out = network(batch.joint.to(self.processes.device), temperature=temperature)
            for name in ("supervised", "contrastive", "correct", "asked"):
                sums[name] += 0.0 if out.get(name) is None else float(out[name])
            infeasible = out.get("infeasible")
            sums["labelled"] += batch.num_labelled - (0 if infeasible is None else int(infeasible.sum()))
            sums["masked"] += batch.num_masked
            missing = [one.labels for one in batch.unreadable if one.labels is not None]
            hypotheses = [*out.get("greedy", []), *([] for _ in missing)]
            for label, hypothesis in zip([*batch.joint.labels, *missing], hypotheses, strict=True):
                written = network.spell(label.tolist())
                sums["edits"] += editdistance.eval(written, network.spell(hypothesis))
                sums["characters"] += len(written)
                sums["hypotheses"] += 1
                sums["empty"] += not hypothesis
        sums["asked_to_stop"] = float(requested())
        sums = dict(zip(NAMES, self.processes.sum([sums[name] for name in NAMES]), strict=True))
        if sums["asked_to_stop"]:
            return None
        return {
            "cer": sums["edits"] / max(sums["characters"], 1),
            "ctc": sums["supervised"] / max(sums["labelled"], 1),
            "contrastive": sums["contrastive"] / max(sums["masked"], 1),
            "ssl_accuracy": sums["correct"] / sums["asked"] if sums["asked"] else math.nan,
            "empty": sums["empty"] / max(sums["hypotheses"], 1),
        }
