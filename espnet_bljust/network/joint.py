"""One trunk with both heads: labelled and unlabelled utterances in a single packed pass.

    f(theta, phi): CTC of the labelled utterances      g(theta, eta): contrastive + 0.1 diversity + 10 penalty
theta = trunk, phi = ctc, eta = ssl_head; no parameter is in two of them. For one class an utterance, phi = classifier,
and f is its cross entropy.
Source: Saif et al., arXiv:2412.08548; Baevski et al., arXiv:2006.11477 for g.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.network.classes import ClassHead
from espnet_bljust.network.config import HeadConfig, SSLConfig, TrunkConfig
from espnet_bljust.network.ctc import CTCHead
from espnet_bljust.network.diversity import diversity_share
from espnet_bljust.network.packing import Features, Wanted
from espnet_bljust.network.ssl_head import SelfSupervisedHead, SSLSums
from espnet_bljust.network.trunk import Trunk


@dataclass
class JointBatch:
    """Either kind of audio may be absent; masks are over packed frames.

    Audio, negatives and noise lie on the network's device; masks and labels best on the CPU, where they are counted.
    """

    labelled: list[Tensor] = field(default_factory=list)  # (sample,) each
    labels: list[Tensor] = field(default_factory=list)  # (token,) each
    labelled_mask: Tensor | None = None  # (row,) bool: fine-tuning masks
    pool: list[Tensor] = field(default_factory=list)  # (sample,) each
    pool_mask: Tensor | None = None  # (row,) bool: the targets
    pool_negatives: list[Tensor] = field(default_factory=list)  # (masked, negative) each
    noise: Tensor | None = None  # (masked, group, code)
    temperature: float = 1.0  # of the quantizer
    scale_edge: Callable[[Tensor], Tensor] | None = None  # laid on the trunk's tensors where the head takes them
    trunk_rests: bool = False  # the trunk does not move in this step: it gets no gradient


class JointSums(NamedTuple):
    """Sums over a batch; None where the batch has no such audio."""

    ctc_sum: Tensor | None  # () nats over feasible utterances: the supervised head's loss
    num_labelled: int
    infeasible: Tensor | None  # (utterance,) bool: no CTC path, or no class
    logits: Tensor | None  # (row, token) of the labelled audio; of a class head (utterance, token)
    logit_lengths: list[int]
    ssl: SSLSums | None
    penalty_sum: Tensor | None  # () mean square over channels, summed over the rows of the pool
    pool_rows: int


class PoolTotals(NamedTuple):
    """Over all parts of a batch: micro-batches, processes."""

    masked: float  # frames
    rows: float  # frames of the pool
    probability_sum: Tensor  # (group, code)


class JointNetwork(nn.Module):
    """trunk, ctc (or classifier) and ssl_head."""

    def __init__(
        self, trunk: TrunkConfig, ssl: SSLConfig, vocabulary_size: int, head: HeadConfig = HeadConfig()  # noqa: B008
    ) -> None:
        super().__init__()
        self.ssl_config = ssl
        self.feature_dropout = trunk.feature_dropout
        self.trunk = Trunk(trunk)
        self.head_name, kind = {"ctc": ("ctc", CTCHead), "mean": ("classifier", ClassHead)}[head.kind]
        self.add_module(self.head_name, kind(trunk.dim, vocabulary_size, head.layer_norm))
        self.ssl_head = SelfSupervisedHead(trunk.dim, trunk.conv_layers[-1][0], ssl)

    @property
    def head(self) -> CTCHead | ClassHead:
        """The supervised one."""
        return self.get_submodule(self.head_name)

    def forward(self, batch: JointBatch) -> JointSums:
        """One pass of the trunk, then each head on its own rows."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not batch.trunk_rests):
            features = self.trunk.extract([*batch.labelled, *batch.pool])
            lengths = features.lengths[: len(batch.labelled)]
            border = sum(lengths)  # labelled rows come first
            mask, want = self._masks(batch, border, len(features.rows) - border)
            hidden = self.trunk.encode(features, mask=mask, want=want)
        logits = total = infeasible = ssl = penalty = None
        if batch.labelled:
            logits = self.head(hidden[:border], lengths)
            lengths = self.head.rows(lengths)
            total, infeasible = self.head.loss_sum(logits, lengths, batch.labels)
        if batch.pool:
            ssl, penalty = self._self_supervised(batch, hidden[border:], features, border)
        return JointSums(total, len(lengths), infeasible, logits, lengths, ssl, penalty, len(features.rows) - border)

    def recognise(self, waves: list[Tensor]) -> tuple[Tensor, list[int]]:
        """Logits (row, token), packed, and the rows of each utterance."""
        features = self.trunk.extract(waves)
        return self.head(self.trunk.encode(features), features.lengths), self.head.rows(features.lengths)

    def self_supervised_sum(self, sums: JointSums, totals: PoolTotals | None = None) -> Tensor:
        """g times the number of masked frames; of a part of a larger batch, its share, by the batch's ``totals``."""
        if totals is None:
            totals = PoolTotals(sums.ssl.num_masked, sums.pool_rows, sums.ssl.probability_sum.detach())
        penalty = sums.penalty_sum / totals.rows
        diversity = diversity_share(sums.ssl.probability_sum, totals.probability_sum)
        weighted = self.ssl_config.diversity_weight * diversity + self.ssl_config.penalty_weight * penalty
        return sums.ssl.contrastive + totals.masked * weighted

    @torch.no_grad()
    def probability_sum(self, pool: list[Tensor], mask: Tensor) -> Tensor:
        """What a pool adds to the totals, from the extractor alone: known before the first backward pass."""
        rows = F.dropout(self.trunk.extract(pool).rows[mask], self.feature_dropout, self.training)
        return self.ssl_head.quantizer.logits(rows).softmax(-1).sum(0)

    def temperature(self, num_updates: int) -> float:
        """Of the quantizer, after so many updates of the self-supervised loss."""
        start, end, factor = self.ssl_config.gumbel
        return max(end, start * factor**num_updates)

    @staticmethod
    def _masks(batch: JointBatch, border: int, pool_rows: int) -> tuple[Tensor | None, Tensor | None]:
        """Rows hidden from the transformer, and rows whose output a head reads; None: none hidden, all read."""
        if not batch.pool:
            return batch.labelled_mask, None
        if batch.pool_mask is None or len(batch.pool_mask) != pool_rows:
            raise ValueError(f"pool_mask wants one entry for each of the pool's {pool_rows} rows")
        hidden = batch.labelled_mask
        if hidden is None:
            hidden = batch.pool_mask.new_zeros(border)
        return torch.cat([hidden, batch.pool_mask]), torch.cat([batch.pool_mask.new_ones(border), batch.pool_mask])

    def _self_supervised(
        self, batch: JointBatch, hidden: Tensor, features: Features, border: int
    ) -> tuple[SSLSums, Tensor]:
        edge = batch.scale_edge or (lambda tensor: tensor)
        masked = Wanted.of(batch.pool_mask, features.lengths[len(batch.labelled) :], hidden.device)
        rows = F.dropout(features.rows[border:].index_select(0, masked.rows), self.feature_dropout, self.training)
        ssl = self.ssl_head(edge(hidden), edge(rows), lengths=masked.counts, negatives=batch.pool_negatives,
                            temperature=batch.temperature, noise=batch.noise)
        return ssl, edge(features.penalty[border:]).sum()
