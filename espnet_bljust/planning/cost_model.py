"""What a training costs on P processes, from the rate of one: closed forms, no measuring.

    audio of an update = accum_grad x batch_seconds, the same for every P; it is cut into as few micro-batches as fit
    ring all-reduce, sent by each process and micro-batch = 2 (P - 1) / P x parameters x 4 bytes
    seconds of an update = compute / P + max(0, all-reduce - overlap x 2/3 x compute / P)

Two thirds of a step are its backward pass, behind which DistributedDataParallel hides the all-reduce as far as
`overlap` says. It reduces at every micro-batch, and all parameters, also those that rest in a phase
(training/processes.py). Left out: latency, reading, unequal shares of a micro-batch, starting.
Source of the ring: Patarasu and Yuan, JPDC 2009.
"""

import math
from typing import NamedTuple

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.planning.plan_report import Sizes
from espnet_bljust.planning.speed import Rates, training_seconds
from espnet_bljust.training.configuration import TrainingSettings

BACKWARD = 2 / 3  # of a step's time
USABLE = 0.9  # of a GPU's memory: the rest is the libraries' and the allocator's
BYTES_OF_GRADIENT = 4  # float32, under bfloat16 too


class Cluster(NamedTuple):
    """What the user says of his machines."""

    memory_gb: float | None  # of a GPU; None: not known
    bandwidth: float  # bytes a second that a process sends in the all-reduce
    overlap: float  # share of the backward pass that can hide an all-reduce
    least_seconds: float  # of audio for a process and micro-batch


class Cost(NamedTuple):
    """One number of processes."""

    processes: int
    micro_batches: int  # accum_grad
    audio_seconds: float  # a process and micro-batch, where a step has both kinds
    least_audio_seconds: float  # the same of the phase that has least
    memory_gb: float
    fits: bool
    update_seconds: float  # mean
    waiting_share: float  # of it: for the all-reduce
    wall_seconds: float
    sent_bytes: float  # by a process in an update

    @property
    def process_hours(self) -> float:
        return self.processes * self.wall_seconds / 3600


def all_reduce_bytes(parameters: int, processes: int) -> float:
    """What each process sends for one sum of all gradients."""
    return 2 * (processes - 1) / processes * parameters * BYTES_OF_GRADIENT


def least_micro_batches(sizes: Sizes, audio_seconds: float, processes: int, memory_gb: float) -> int | None:
    """As few as let a process's share fit; None where weights, gradients and moments alone do not."""
    room = USABLE * memory_gb - sizes.memory_gb(0)
    if room <= 0:
        return None
    return max(1, math.ceil(audio_seconds * sizes.bytes_per_second / (1e9 * room * processes)))


def cost(
    plan: Plan, settings: TrainingSettings, sizes: Sizes, rates: Rates, valid_seconds: float, cluster: Cluster,
    processes: int
) -> Cost:
    """The row of ``processes``; ``rates`` are those of one."""
    labelled, pool = settings.optimisation.update_seconds
    used = plan.consumed(plan.num_steps)
    kinds = [seconds for seconds, steps in zip((sizes.views * labelled, pool), used, strict=True) if steps]
    configured = settings.optimisation.accum_grad
    number = configured if cluster.memory_gb is None else least_micro_batches(
        sizes, sum(kinds), processes, cluster.memory_gb)
    number, fits = number or configured, number is not None
    share = 1 / (processes * number)
    compute = training_seconds(plan, settings, rates, valid_seconds, processes)
    sent = number * all_reduce_bytes(sizes.theta + sizes.phi + sizes.eta, processes)
    hidden = cluster.overlap * BACKWARD * compute / plan.num_steps
    waiting = max(0.0, sent / cluster.bandwidth - hidden)
    update = compute / plan.num_steps + waiting
    return Cost(processes, number, sum(kinds) * share, min(kinds) * share, sizes.memory_gb(sum(kinds) * share), fits,
                update, waiting / update, update * plan.num_steps, sent)
