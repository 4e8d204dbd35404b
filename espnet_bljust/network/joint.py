"""One trunk with both heads: labelled and unlabelled utterances in a single packed pass.

    f(theta, phi): CTC of the labelled utterances, or cross entropy of one class an utterance (heads/supervised.py)
    g(theta, eta): contrastive + 0.1 diversity + 10 penalty (ssl_head.py), or contrastive prediction (cpc.py)
theta = trunk, phi = ctc or classifier, eta = ssl_head; no parameter is in two of them. Which trunk and which
self-supervised head they are is known to systems.py alone.
Source: Saif et al., arXiv:2412.08548; Baevski et al., arXiv:2006.11477 for g.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from espnet_bljust.errors import InputError
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.heads.classes import ClassHead
from espnet_bljust.network.heads.ctc import CTCHead
from espnet_bljust.network.heads.ssl_head import PoolTotals, Reading, SSLSums
from espnet_bljust.network.heads.supervised import supervised
from espnet_bljust.network.packed.packing import Features, Wanted
from espnet_bljust.network.systems import SSLKind, TrunkKind, build_head, build_trunk
from espnet_bljust.network.trunks.log_mel import SpectrumMask


@dataclass
class JointBatch:
    """Either kind of audio may be absent; masks are over packed frames.

    Audio, negatives and noise lie on the network's device; masks and labels best on the CPU, where they are counted.
    """

    labelled: list[Tensor] = field(default_factory=list)  # (sample,) each
    labels: list[Tensor] = field(default_factory=list)  # (token,) each
    labelled_mask: Tensor | None = None  # (row,) bool: fine-tuning masks
    spectrum: SpectrumMask | None = None  # what is hidden of the labelled utterances' log-mel, for trunks that read it
    channels: Tensor | None = None  # (labelled utterance, dim) bool: channels that the encoder gets as 0
    views: int = 1  # how often the labelled utterances pass; the masks have one view behind the other
    pool: list[Tensor] = field(default_factory=list)  # (sample,) each; for CPC contexts, each before its future
    pool_mask: Tensor | None = None  # (row,) bool: the targets
    pool_negatives: list[Tensor] = field(default_factory=list)  # (masked, negative) of each utterance
    noise: Tensor | None = None  # (masked, group, code)
    temperature: float = 1.0  # of the quantizer
    scale_edge: Callable[[Tensor], Tensor] | None = None  # laid on the trunk's tensors where the head takes them
    trunk_rests: bool = False  # the trunk does not move in this step: it gets no gradient
    extractor_rests: bool = False  # nor does its first part

    def to(self, device: torch.device) -> Self:
        """Audio, negatives and noise on ``device``; masks and labels stay where they can be counted without waiting."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """As torch's loader asks for it: from such memory a GPU fetches what it needs while it computes."""
        pinned = self._each(torch.Tensor.pin_memory)
        masks = {name: mask.pin_memory() for name in ("labelled_mask", "channels", "pool_mask")
                 if (mask := getattr(self, name)) is not None}
        if self.spectrum is not None:
            masks["spectrum"] = type(self.spectrum)(*(mask.pin_memory() for mask in self.spectrum))
        return replace(pinned, **masks)

    def beside(self, pool: Self) -> Self:
        """This labelled audio with that pool."""
        return replace(self, pool=pool.pool, pool_mask=pool.pool_mask, pool_negatives=pool.pool_negatives,
                       noise=pool.noise)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        lists = {name: [change(tensor) for tensor in getattr(self, name)]
                 for name in ("labelled", "pool", "pool_negatives")}
        return replace(self, **lists, noise=None if self.noise is None else change(self.noise))


class JointSums(NamedTuple):
    """Sums over a batch; None where the batch has no such audio."""

    ctc_sum: Tensor | None  # () nats over feasible utterances: the supervised head's loss, all its terms
    num_labelled: int
    infeasible: Tensor | None  # (utterance,) bool: no CTC path, or no class
    logits: Tensor | None  # (row, token) of the labelled audio, view by view; of a class head (utterance, token)
    logit_lengths: list[int]  # of one view
    ssl: SSLSums | None
    penalty_sum: Tensor | None  # () mean square over channels, summed over the rows of the pool
    pool_rows: int
    parts: dict[str, Tensor] = {}  # terms of the supervised loss: heads/supervised.py


class JointNetwork(nn.Module):
    """trunk, ctc (or classifier) and ssl_head."""

    def __init__(
        self, trunk: TrunkKind, ssl: SSLKind, vocabulary_size: int, head: HeadConfig = HeadConfig()  # noqa: B008
    ) -> None:
        super().__init__()
        layers = trunk.num_layers
        if any(layer >= layers for layer in head.intermediate_layers):
            raise InputError(f"head_conf: intermediate_layers {list(head.intermediate_layers)} are to lie within the "
                             f"trunk's {layers} layers. Lower them.")
        self.ssl_config, self.head_config = ssl, head
        self.feature_dropout = trunk.feature_dropout
        self.trunk = build_trunk(trunk)
        self.head_name, kind = {"ctc": ("ctc", CTCHead), "mean": ("classifier", ClassHead)}[head.kind]
        self.add_module(self.head_name, kind(trunk.dim, vocabulary_size, head.layer_norm, head.per_token))
        self.ssl_head = build_head(trunk, ssl)

    @property
    def head(self) -> CTCHead | ClassHead:
        """The supervised one."""
        return self.get_submodule(self.head_name)

    def forward(self, batch: JointBatch) -> JointSums:
        """One pass of the trunk, then each head on its own rows."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not batch.trunk_rests):
            features = self._features(batch)
            lengths = features.lengths[: len(batch.labelled)]
            border = batch.views * sum(lengths)  # labelled rows come first
            reading = self._reading(batch, features.lengths[batch.views * len(lengths) :])
            mask, want = self._masks(batch, border, reading)
            encoded = features.of([True] * batch.views * len(lengths) + (reading.encoded if reading else []))
            inner: list[Tensor] = []
            tap = self._tap(inner, border)
            hidden = self.trunk.encode(encoded, mask=mask, want=want, channels=batch.channels, tap=tap)
        sums = ssl = penalty = None
        if batch.labelled:
            sums = supervised(self.head, self.head_config, hidden[:border], inner=inner, lengths=lengths,
                               labels=batch.labels, views=batch.views)
            lengths = self.head.rows(lengths)
        if batch.pool:
            ssl, penalty = self._self_supervised(batch, hidden[border:], features, border)
        total, infeasible, logits, parts = sums or (None, None, None, {})
        rows = len(features.rows) - border
        return JointSums(total, len(lengths), infeasible, logits, lengths, ssl, penalty, rows, parts)

    def nothing(self, *, trunk_rests: bool, extractor_rests: bool) -> Tensor:
        """() 0, with a gradient of zeros for the trunk's moving parameters: what a process without audio has."""
        if trunk_rests:
            return sum((parameter * 0).sum() for parameter in self.head.parameters())
        resting = set(self.trunk.extractor.parameters()) if extractor_rests else set()
        return sum((parameter * 0).sum() for parameter in self.trunk.parameters() if parameter not in resting)

    def recognise(self, waves: list[Tensor]) -> tuple[Tensor, list[int]]:
        """Logits (row, token), packed, and the rows of each utterance."""
        features = self.trunk.extract(waves)
        return self.head(self.trunk.encode(features), features.lengths), self.head.rows(features.lengths)

    def self_supervised_sum(self, sums: JointSums, totals: PoolTotals | None = None) -> Tensor:
        """g times the number of targets; of a part of a larger batch, its share, by the batch's ``totals``."""
        return self.ssl_head.total(sums.ssl, sums.penalty_sum, sums.pool_rows, totals)

    @torch.no_grad()
    def probability_sum(self, pool: list[Tensor], mask: Tensor) -> Tensor:
        """What a pool adds to the totals, from the extractor alone: known before the first backward pass."""
        rows = F.dropout(self.trunk.extract(pool).rows[mask], self.feature_dropout, self.training)
        return self.ssl_head.quantizer.logits(rows).softmax(-1).sum(0)

    def temperature(self, num_updates: int) -> float:
        """Of the self-supervised head, after so many updates of its loss."""
        return self.ssl_head.temperature(num_updates)

    def _features(self, batch: JointBatch) -> Features:
        """Of every view of the labelled utterances, then of the pool; views masked behind them alone share them."""
        if batch.spectrum is not None:
            return self.trunk.extract([*batch.labelled * batch.views, *batch.pool], rests=batch.extractor_rests,
                                      spectrum=batch.spectrum)
        features = self.trunk.extract([*batch.labelled, *batch.pool], rests=batch.extractor_rests)
        return features.repeated(len(batch.labelled), batch.views)

    def _tap(self, inner: list[Tensor], border: int) -> Callable[[int, Tensor], None] | None:
        """Puts the labelled rows of the layers that the head is trained on too into ``inner``, in training."""
        layers = self.head_config.intermediate_layers if self.training and border else ()
        return (lambda number, rows: inner.append(rows[:border]) if number in layers else None) if layers else None

    def _reading(self, batch: JointBatch, lengths: list[int]) -> Reading | None:
        if not batch.pool:
            return None
        if batch.pool_mask is None or len(batch.pool_mask) != sum(lengths):
            raise ValueError(f"pool_mask wants one entry for each of the pool's {sum(lengths)} rows")
        return self.ssl_head.reading(batch.pool_mask, lengths)

    @staticmethod
    def _masks(batch: JointBatch, border: int, reading: Reading | None) -> tuple[Tensor | None, Tensor | None]:
        """Rows hidden from the encoder, and rows whose output a head reads; None: none hidden, all read."""
        if reading is None:
            return batch.labelled_mask, None
        hidden = batch.labelled_mask
        if hidden is None:
            hidden = reading.hidden.new_zeros(border)
        return torch.cat([hidden, reading.hidden]), torch.cat([reading.wanted.new_ones(border), reading.wanted])

    def _self_supervised(
        self, batch: JointBatch, hidden: Tensor, features: Features, border: int
    ) -> tuple[SSLSums, Tensor]:
        edge = batch.scale_edge or (lambda tensor: tensor)
        masked = Wanted.of(batch.pool_mask, features.lengths[batch.views * len(batch.labelled) :], hidden.device)
        source = features.early if self.ssl_head.reads_early and features.early is not None else features.rows
        rows = F.dropout(source[border:].index_select(0, masked.rows), self.feature_dropout, self.training)
        ssl = self.ssl_head(edge(hidden), edge(rows), lengths=masked.counts, negatives=batch.pool_negatives,
                            temperature=batch.temperature, noise=batch.noise)
        return ssl, edge(features.penalty[border:]).sum()
