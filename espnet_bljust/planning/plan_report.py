"""What stage 7 says of a run before it starts: plan, parameters by role, passes over the audio, memory."""

import sys
from pathlib import Path
from typing import NamedTuple, Self

import torch

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.data.feeding.batching import batches_of_pass
from espnet_bljust.data.kaldi.sorted_tables import walk_samples
from espnet_bljust.markdown import table
from espnet_bljust.network.convert.fit import Shape
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.planning.peers import peers_passes, warning
from espnet_bljust.training.configuration import Optimisation, Run, TrainingSettings
from espnet_bljust.units import SAMPLE_RATE
from espnet_bljust.weights.own_files import NetworkSettings

BYTES_OF_STATE = 16  # float32 weight, gradient and AdamW's two moments
HEADS = {"ctc": "CTC head", "mean": "class head"}


class Sizes(NamedTuple):
    """Parameters by role."""

    theta: int
    phi: int
    eta: int
    bytes_per_second: float  # of activations, a second of audio
    views: int = 1  # of labelled audio in a batch

    @classmethod
    def of(cls, shape: Shape) -> Self:
        """Counted on a network without storage (torch's meta device)."""
        with torch.device("meta"):
            network = JointNetwork(*shape)
        counts = [sum(p.numel() for p in part.parameters()) for part in (network.trunk, network.head, network.ssl_head)]
        return cls(*counts, shape.trunk.bytes_per_frame * SAMPLE_RATE / shape.trunk.hop, shape.head.views)

    @classmethod
    def of_experiment(cls, exp_dir: Path) -> Self:
        """By its train.yaml."""
        return cls.of(NetworkSettings.read(exp_dir / "train.yaml").shape)

    def memory_gb(self, batch_seconds: float) -> float:
        """Rough peak of a training step in one process, without what Python and torch take themselves."""
        state = (self.theta + self.phi + self.eta) * BYTES_OF_STATE
        return (state + batch_seconds * self.bytes_per_second) / 1e9


class Amount(NamedTuple):
    """Audio of a set."""

    hours: float
    utterances: int | None = None  # where they are known
    longest_seconds: float = 20.0  # of an utterance; without knowledge stage 4's bound


def report(
    plan: Plan, settings: TrainingSettings, sizes: Sizes, audio: dict[str, Amount | None], processes: int = 1
) -> str:
    """Markdown; what is not known yet is shown as a question mark. ``processes`` share each micro-batch."""
    optimisation = settings.optimisation
    passing = sizes.views * optimisation.batch_seconds + optimisation.unlabelled_batch_seconds
    times = passes(plan, optimisation, audio)
    head = HEADS[settings.network.shape.head.kind]
    segments = []
    for segment in plan.segments:
        gamma = f"{segment.gamma_first:g}" + (
            f" to {segment.gamma_last:g}" if segment.gamma_last != segment.gamma_first else "")
        rates = ", ".join(f"{role} {rate:g}" for role, rate in plan.rates[segment.phase].items() if rate)
        segments.append(
            [segment.phase, segment.cycle, segment.num_steps, gamma if segment.phase == "joint" else "-", rates])
    amounts = [[kind, f"{audio[kind].hours:.2f}" if audio[kind] else "?", f"{seconds:g}",
                f"{times[kind]:.1f}" if audio[kind] else "?",
                f"{peers_passes(kind, audio[kind].hours):,.0f}" if audio[kind] else "?"]
               for kind, seconds in zip(("labelled", "pool"), optimisation.update_seconds, strict=True)]
    roles = {"theta (trunk)": sizes.theta, f"phi ({head})": sizes.phi, "eta (self-supervised head)": sizes.eta}
    return "\n".join([
        "# Before training", "", *table(["phase", "cycle", "steps", "gamma", "peak rates"], segments), "",
        f"{plan.num_steps} optimizer steps of {optimisation.accum_grad} micro-batches, evaluated every "
        f"{settings.run.steps_per_epoch}.", "",
        *table(["audio", "hours", "seconds a step", "passes", "of wav2vec 2.0"], amounts), "",
        *[line for text in far_from_peers(times, audio) for line in (f"{text}.", "")],
        *table(["role", "parameters"], ((role, f"{count:,}") for role, count in roles.items())), "",
        f"Memory of a step, roughly: {sizes.memory_gb(passing / processes):.1f} GB"
        f"{' in each process' if processes > 1 else ''}, beside 0.9 GB for Python. "
        f"Disk for checkpoints: {disk_gb(sizes, settings.run):.2f} GB.", ""])  # fmt: skip


def passes(plan: Plan, optimisation: Optimisation, audio: dict[str, Amount | None]) -> dict[str, float | None]:
    """How often the plan passes over either kind of audio, in its whole numbers of batches; None where not known."""
    seconds = {"labelled": optimisation.batch_seconds, "pool": optimisation.unlabelled_batch_seconds}
    times = {}
    for kind, used in zip(seconds, plan.consumed(plan.num_steps), strict=True):
        times[kind] = None
        if audio[kind] is not None:
            most = audio[kind].utterances or sys.maxsize
            times[kind] = used * optimisation.accum_grad / batches_of_pass(
                3600 * audio[kind].hours, seconds[kind], most)
    return times


def far_from_peers(times: dict[str, float | None], audio: dict[str, Amount | None]) -> list[str]:
    """Warnings, by peers.py."""
    found = [warning(kind, audio[kind].hours, passed) for kind, passed in times.items() if passed is not None]
    return [text for text in found if text]


def disk_gb(sizes: Sizes, run: Run) -> float:
    """Kept models (n best and n newest), the average and its two packs, and checkpoints with both moments.

    Of those there are the last, the one before it, and for some seconds the one that is being written; with
    ``take_off: retry`` one more to go back to.
    """
    checkpoints = 4 if run.take_off == "retry" else 3
    weights = 4 * (sizes.theta + sizes.phi + sizes.eta)
    return weights * (2 * run.keep_nbest_models + 3 + 3 * checkpoints) / 1e9


def amount_of(shape_file: Path, may_be_absent: bool) -> Amount | None:
    """By utt2num_samples."""
    if may_be_absent and not shape_file.exists():
        return None
    total = count = longest = 0
    for _, samples in walk_samples(shape_file):
        total, count, longest = total + samples, count + 1, max(longest, samples)
    return Amount(total / SAMPLE_RATE / 3600, count, longest / SAMPLE_RATE)
