"""What stage 7 refuses to begin: a step that does not fit the memory, a plan beyond the days that it may take.

The line says the nearest configuration that fits, found by trying: for memory the same update in more micro-batches,
else the largest smaller size of the same trunk; for time all phases with fewer steps. Memory is an estimate
(plan_report.py) and time is measured on noise (speed.py), or follows from the rates of a GPU that is named.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.errors import InputError
from espnet_bljust.planning.cost_rates import count_teraflop, device_of, read_rates, speed_of
from espnet_bljust.planning.plan_report import Sizes
from espnet_bljust.planning.settings import settled
from espnet_bljust.planning.speed import Rates, measure
from espnet_bljust.progress import duration
from espnet_bljust.training.configuration import TrainingSettings

USABLE = 0.9  # of the memory: the rest is the libraries' and the allocator's
PYTHON_GB = 0.9  # of a process, in the machine's memory
UTILISATION = 0.1  # of a named GPU's peak, where no rate was measured
MOST_PIECES = 1024  # micro-batches into which one is cut
SAFE = 0.95  # of the days, for the proposal
SHORT = 0.1  # of the steps: a phase that costs little
DAY = 24 * 3600.0


class Limits(NamedTuple):
    """What the user says of the machine that trains, and how long it may take."""

    gpu: str = ""  # its memory in GB, or a name in ``rates``; empty: what is found here
    max_days: float = 14.0  # 0: any
    rates: Path = Path("conf/rates.yaml")


class Machine(NamedTuple):
    """What is known of it; None: not known here."""

    memory_gb: float | None  # of a GPU; of the machine where there is none
    rates: Rates | None
    in_words: str


class Attempt(NamedTuple):
    """A configuration and how it is called: size file, training file, changes, method, task."""

    size_config: Path
    config: Path
    changes: Sequence[str]
    method: str
    task: str
    tokens: Sequence[str]

    def option(self, changes: Sequence[str]) -> str:
        """--asr_args with these and its own, the later one of two to a key."""
        return f'--asr_args "{" ".join({each.partition("=")[0]: each for each in [*self.changes, *changes]}.values())}"'

    def build(self, *more: str, size_config: Path | None = None) -> tuple[TrainingSettings, Plan]:
        """With ``more`` changes, or another size."""
        written, plan = settled(size_config or self.size_config, self.config, changes=[*self.changes, *more],
                                method=self.method, task=self.task)
        return TrainingSettings(written | {"token_list": list(self.tokens)}), plan


def machine(limits: Limits, settings: TrainingSettings, num_gpus: int) -> Machine:
    """The one that trains: this one, or a GPU as ``limits`` name it."""
    here = bool(num_gpus and torch.cuda.is_available())
    rates = measure(settings, num_gpus) if here or not num_gpus else None
    if limits.gpu.replace(".", "", 1).isdecimal():
        return Machine(float(limits.gpu), rates, "the GPU of --gpu")
    if limits.gpu:
        device = device_of(read_rates(limits.rates), limits.gpu)
        speed = speed_of(device, count_teraflop(settings), use_amp=settings.optimisation.use_amp,
                         utilisation=UTILISATION)
        return Machine(speed.memory_gb, speed.rates, device["name"])
    if here:
        return Machine(torch.cuda.get_device_properties(0).total_memory / 1e9, rates, "the GPU here")
    if num_gpus:
        return Machine(None, None, "a GPU that is not here")
    return Machine(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, rates, "this machine")


def step_gb(
    plan: Plan, settings: TrainingSettings, sizes: Sizes, longest: Sequence[float], num_gpus: int
) -> float:
    """Estimated peak of the largest step of any phase in one process; longest: seconds, of either kind of audio.

    A micro-batch is shared by the processes, and holds an utterance at least.
    """
    optimisation = settings.optimisation
    labelled, pool = (max(seconds / max(1, num_gpus), one) for seconds, one in zip(
        (optimisation.batch_seconds, optimisation.unlabelled_batch_seconds), longest, strict=True))
    moments = [plan.at(step) for end in _ends(plan) for step in (end - 1, end) if step > 0]
    most = max(sizes.views * labelled * moment.labelled + pool * moment.pool for moment in moments)
    return sizes.memory_gb(most) + (0 if num_gpus else PYTHON_GB)


def _ends(plan: Plan) -> Iterator[int]:
    end = 0
    for segment in plan.segments:
        yield (end := end + segment.num_steps)


def refuse_memory(attempt: Attempt, where: Machine, longest: Sequence[float], num_gpus: int) -> None:
    """InputError where a step does not fit, with what would."""
    settings, plan = attempt.build()
    needed = step_gb(plan, settings, Sizes.of(settings.network.shape), longest, num_gpus)
    if where.memory_gb is None or needed <= USABLE * where.memory_gb:
        return
    remedy = _that_fits(attempt, where.memory_gb, longest, num_gpus)
    raise InputError(f"{attempt.config}: a step needs about {needed:.1f} GB, and {where.in_words} has "
                     f"{where.memory_gb:.1f} GB. {remedy} (--gpu GB or a name of conf/rates.yaml, where training runs "
                     "on another machine).")


def _that_fits(attempt: Attempt, memory_gb: float, longest: Sequence[float], num_gpus: int) -> str:
    trunk = attempt.build()[0].network.shape.trunk
    own = Sizes.of(attempt.build()[0].network.shape)
    others = []
    for path in attempt.size_config.parent.glob("*.yaml"):
        shape = attempt.build(size_config=path)[0].network.shape
        if type(shape.trunk) is type(trunk) and (count := sum(Sizes.of(shape)[:3])) < sum(own[:3]):
            others.append((count, path))
    for path in [attempt.size_config, *(path for _, path in sorted(others, reverse=True))]:
        if words := _pieces(attempt, path, memory_gb, longest, num_gpus):
            size = "" if path == attempt.size_config else f"--model_size {path.stem}"
            return f"This fits: {' '.join(filter(None, (size, words.strip())))}"
    return "No size of this trunk fits; take a larger GPU"


def _pieces(
    attempt: Attempt, size_config: Path, memory_gb: float, longest: Sequence[float], num_gpus: int
) -> str:
    """The option that cuts an update into as few pieces as let it fit; a space where none is needed, else nothing."""
    asked, _ = attempt.build(size_config=size_config)
    sizes, before, pieces = Sizes.of(asked.network.shape), asked.optimisation, 1
    while pieces <= MOST_PIECES:
        # as written: a method may scale what the settings hold
        factors = {"accum_grad": before.accum_grad * pieces}
        for key in ("batch_seconds", "unlabelled_batch_seconds"):
            factors[key] = _written(attempt, size_config, key) / pieces
        changes = [f"{key}={value:.4g}" for key, value in factors.items()] if pieces > 1 else []
        settings, plan = attempt.build(*changes, size_config=size_config)
        if step_gb(plan, settings, sizes, longest, num_gpus) <= USABLE * memory_gb:
            return attempt.option(changes) if changes else " "
        pieces *= 2
    return ""


def _written(attempt: Attempt, size_config: Path, key: str) -> float:
    written, _ = settled(size_config, attempt.config, changes=attempt.changes, task=attempt.task)
    return written[key]


def refuse_time(attempt: Attempt, seconds: float, max_days: float) -> None:
    """InputError for a plan of more ``seconds`` than the days allow, with the steps that would take no longer."""
    if not max_days or seconds <= max_days * DAY:
        return
    options = attempt.build()[0].plan
    share = SAFE * max_days * DAY / seconds
    steps = {name: getattr(options, name) for name in ("exploration_steps", "joint_steps", "final_steps")}
    short = {name: count for name, count in steps.items() if count < SHORT * sum(steps.values())}
    kept = sum(short.values()) / sum(steps.values())
    if share > 2 * kept:  # these stay as they are
        share = (share - kept) / (1 - kept)
        steps = {name: count for name, count in steps.items() if name not in short}
    changes = [f"plan_conf.{name}={_two_digits(share * count)}" for name, count in steps.items() if count]
    raise InputError(
        f"{attempt.config}: the plan takes about {duration(seconds)}, more than --max_days {max_days:g}. This takes no "
        f"longer: {attempt.option(changes)}; or more GPUs, a smaller --model_size, or "
        "--max_days 0.")


def _two_digits(steps: float) -> int:
    """Rounded down, 1 at least."""
    unit = 10 ** max(0, len(str(int(steps))) - 2)
    return max(1, int(steps) // unit * unit)
