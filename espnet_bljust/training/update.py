"""One optimizer step of the real network: micro-batches in, gradient of the whole batch over all processes, move.

Whatever couples the parts of a step is gathered before the first backward pass: the divisors of f and g, and the
mean of the code probabilities, on which the diversity loss depends.
"""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import torch

from espnet_bljust.bilevel.balance import Balance
from espnet_bljust.bilevel.penalty import Counts, LossSums
from espnet_bljust.bilevel.plan import Moment
from espnet_bljust.bilevel.step import Pull, PullMeter, apply, gradient
from espnet_bljust.network.heads.ssl_head import PoolTotals
from espnet_bljust.network.joint import JointBatch, JointNetwork, JointSums
from espnet_bljust.network.trunks.dropout import set_dropouts
from espnet_bljust.training.micro_batch import MicroBatch
from espnet_bljust.training.processes import Processes
from espnet_bljust.training.stats import StepStats


class StepSettings(NamedTuple):
    """Of every step of a run."""

    grad_clip: float
    use_amp: bool  # the forward pass in bfloat16 where torch's autocast has it; weights and losses stay float32
    dropouts: Mapping[str, Mapping[str, float]] = {}  # phase -> the trunk's dropouts, where they differ by phase


class Model(Protocol):
    """What is trained (espnet/model.py): called with a joint batch, it gives the sums of its losses."""

    network: JointNetwork

    def __call__(self, batch: JointBatch, **settings: float) -> dict: ...


class Updater:
    """Holds what a step needs: the model, possibly wrapped for several processes, and its optimizer."""

    def __init__(
        self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, processes: Processes, settings: StepSettings,
        balance: Balance | None = None,
    ) -> None:
        self.model, self.optimizer, self.processes, self.settings = model, optimizer, processes, settings
        self.balance = balance
        self.network = self.inner.network
        if balance is not None:  # both heads read nothing but rows of h
            self.network.head.register_forward_pre_hook(lambda _, rows: balance.watch("supervised", rows[0]))
            self.network.ssl_head.register_forward_pre_hook(lambda _, rows: balance.watch("self_supervised", rows[0]))

    @property
    def inner(self) -> Model:
        return self.processes.unwrap(self.model)

    def count(self, batches: list[MicroBatch], *more: float) -> list[float]:
        """Labelled utterances, masked frames and frames of the pool in a step, then ``more``, over all processes."""
        names = ("num_labelled", "num_masked", "num_rows")
        return self.processes.sum([*(sum(getattr(batch, name) for batch in batches) for name in names), *more])

    def step(
        self, batches: list[MicroBatch], moment: Moment, temperature: float, stats: StepStats, measure: bool,
        counts: Sequence[float] = (),
    ) -> None:
        """Descend once; a loss or gradient that is not finite moves nothing and is named. ``counts``: if known."""
        started = time.perf_counter()
        if moment.phase in self.settings.dropouts:
            set_dropouts(self.network, self.settings.dropouts[moment.phase])
        both = moment.labelled and moment.pool
        labelled, masked, rows = counts or self.count(batches)
        batches = [batch.to(self.processes.device) for batch in batches]
        coupled = moment.pool and self.network.ssl_head.parts_are_coupled
        early = self._probabilities(batches) if coupled and len(batches) > 1 else None
        moves = any(parameter.requires_grad for parameter in self.network.trunk.parameters())
        meter = PullMeter(self.network.trunk.parameters()) if measure and both and moves else None

        def forward(batch: MicroBatch) -> LossSums:
            with torch.autocast(self.processes.device.type, torch.bfloat16, enabled=self.settings.use_amp):
                out = self.model(batch.joint, temperature=temperature, edge=moment.edge,
                                 trunk_rests=moment.trunk_rests, extractor_rests=moment.extractor_rests)
            totals = None
            if coupled:
                totals = PoolTotals(masked, rows, self._shared(out["pool"]) if early is None else early)
            sums = LossSums(
                out["supervised"], out["pool"] and self.network.self_supervised_sum(out["pool"], totals))
            stats.add(out, sums, batch)
            return sums

        gradient(forward, batches, moment, Counts(labelled, masked), world_size=self.processes.world_size,
                 supervised_sink=meter.add if meter else None)
        pull = meter.read(self.processes.sum_tensor) if meter else None
        if self.balance is not None:
            self.balance.update(moment.weights, self.processes.device, world_size=self.processes.world_size,
                                reduce=self.processes.sum_tensor)
        norms = apply(self.optimizer, moment, self.settings.grad_clip)
        if not both:
            theta = norms.get("theta")
            pull = Pull(theta, None, None) if moment.labelled else Pull(None, theta, None)
        stats.add_step(norms, pull, time.perf_counter() - started, self.processes)

    def _zeros(self) -> torch.Tensor:
        """(group, code), float32 at least, for sums of code probabilities."""
        head = self.network.ssl_head
        precise = torch.promote_types(head.project_hidden.weight.dtype, torch.float32)
        return torch.zeros(head.config.groups, head.config.codes, dtype=precise, device=self.processes.device)

    def _shared(self, pool: JointSums | None) -> torch.Tensor:
        """Code probabilities summed over the processes; one without a share of the pool adds zeros."""
        mine = self._zeros()
        return self.processes.sum_tensor(mine if pool is None else mine + pool.ssl.probability_sum.detach())

    def _probabilities(self, batches: list[MicroBatch]) -> torch.Tensor:
        """The same of several micro-batches, by a pass of the extractor alone over each."""
        total = self._zeros()
        for batch in batches:
            if batch.num_masked:
                with torch.autocast(self.processes.device.type, torch.bfloat16, enabled=self.settings.use_amp):
                    total += self.network.probability_sum(batch.joint.pool, batch.joint.pool_mask)
        return self.processes.sum_tensor(total)
