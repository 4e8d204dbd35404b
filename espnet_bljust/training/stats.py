"""What a logged interval of training says about itself."""

import logging
import math
from collections import Counter

import torch

from espnet_bljust.bilevel.penalty import LossSums
from espnet_bljust.bilevel.plan import Moment
from espnet_bljust.bilevel.step import Pull
from espnet_bljust.progress import duration
from espnet_bljust.scoring.measures import percent
from espnet_bljust.training.micro_batch import MicroBatch
from espnet_bljust.training.processes import Processes

CARRIED = ("steps", "labelled", "masked", "rows", "batches", "seconds", "norm")
ADDED = ("labelled", "masked", "rows", "batches")  # over processes; the others are alike in all, or each one's own
NOT_SUMMED = ("infeasible", "pool", "supervised")


class StepStats:
    """Sums over the steps since the last log line (of this process) and the last measured pull of either loss."""

    def __init__(self, epoch: int, counts: Counter) -> None:
        self.epoch, self.counts = epoch, counts
        self.clear()

    def clear(self) -> None:
        # on the device: a number that is not asked for makes no step wait
        self.sums: dict[str, torch.Tensor] = {}
        self.steps = self.labelled = self.masked = self.rows = self.batches = 0
        self.seconds = self.norm = 0.0
        self.pull = Pull(None, None, None)
        self.passes: list[tuple[MicroBatch, LossSums]] = []  # of the step under way

    def add(self, out: dict, sums: LossSums, batch: MicroBatch) -> None:
        """Results of one forward pass."""
        self._name_infeasible(out["infeasible"], batch)
        self.counts["unreadable"] += len(batch.unreadable)
        values = {name: value for name, value in out.items() if name not in NOT_SUMMED}
        for name, value in {**values, **sums}.items():
            if value is not None:
                value, before = value.detach().double(), self.sums.get(name)
                self.sums[name] = value if before is None else before.to(value.device) + value
        self.passes.append((batch, LossSums(**{name: loss.detach() for name, loss in sums.items()})))
        self.batches += out["pool"] is not None
        self.labelled += batch.num_labelled
        self.masked += batch.num_masked
        self.rows += batch.num_rows

    def add_step(
        self, norms: dict[str, float], pull: Pull | None, seconds: float, processes: Processes
    ) -> None:
        """Results of one optimizer step; where its gradient is not finite, every process names what it has at fault."""
        self.steps += 1
        self.seconds += seconds
        self.norm = math.hypot(*norms.values())
        for name, value in (pull or Pull(None, None, None))._asdict().items():
            self.pull = self.pull if value is None else self.pull._replace(**{name: value})
        if not math.isfinite(self.norm):
            self.counts["skipped_steps"] += 1
            self._name_not_finite(processes)
        self.passes = []

    def _name_not_finite(self, processes: Processes) -> None:
        """The first of these that any process has: by the diversity, one part's audio spoils the loss of all."""
        kinds = {
            "audio": lambda batch, sums: not_finite_audio(batch),
            "loss": not_finite_loss,
            "gradient": lambda batch, sums: batch.utterances,
        }
        for what, find in kinds.items():
            named = [name for batch, sums in self.passes for name in dict.fromkeys(find(batch, sums))]
            if named:
                logging.error(f"{what} is not finite: no parameter was moved; utterances: {' '.join(named)}")
            if processes.sum([len(named)])[0]:
                return

    def state_dict(self) -> dict:
        """Plain data, for a checkpoint between two rows; float64 survives it whole."""
        sums = {name: value.tolist() for name, value in self.sums.items()}
        return {"sums": sums, "pull": tuple(self.pull), **{name: getattr(self, name) for name in CARRIED}}

    def load_state_dict(self, state: dict) -> None:
        self.sums = {name: torch.tensor(value, dtype=torch.float64) for name, value in state["sums"].items()}
        self.pull = Pull(*state["pull"])
        for name in CARRIED:
            setattr(self, name, state[name])

    def over(self, processes: Processes) -> "StepStats":
        """Of the same steps on all processes; to be asked for by each of them."""
        parts = processes.gather(self.state_dict())
        total = StepStats(self.epoch, self.counts)
        total.load_state_dict(parts[processes.rank])
        for part in parts[: processes.rank] + parts[processes.rank + 1 :]:
            for name, value in part["sums"].items():
                value = torch.tensor(value, dtype=torch.float64)
                total.sums[name] = total.sums[name] + value if name in total.sums else value
            for name in ADDED:
                setattr(total, name, getattr(total, name) + part[name])
        return total

    def summary(self, moment: Moment, temperature: float) -> dict:
        """The row of history.jsonl; perplexities are lists with a number a group, None where there are no codes."""
        frames = ("contrastive", "guess", "diversity")
        per_frame = {name: self._mean(name, self.masked) for name in frames}
        return {
            "epoch": self.epoch, "phase": moment.phase, "gamma": moment.gamma,
            **{f"lr_{role}": rate for role, rate in moment.rates.items()},
            "ctc": self._mean("ctc", self.labelled),
            "ctc_token": self._mean("ctc", float(self.sums.get("tokens", 0.0))),
            **{name: self._mean(name, self.labelled) for name in ("intermediate", "consistency") if name in self.sums},
            "contrastive": per_frame["contrastive"], "contrastive_guess": per_frame["guess"],
            "diversity": per_frame["diversity"],
            "ssl_accuracy": self._mean("correct", float(self.sums.get("asked", 0.0))),
            "masked_fraction": self.masked / self.rows if self.rows else None,
            "code_perplexity": self._mean("code_perplexity", self.batches),
            "prob_perplexity": self._mean("prob_perplexity", self.batches),
            "norm_f": self.pull.supervised, "norm_g": self.pull.self_supervised, "cosine": self.pull.cosine,
            "grad_norm": self.norm, "temperature": temperature,
            "seconds": self.seconds / max(self.steps, 1),
        }

    @staticmethod
    def line(row: dict, moment: Moment, num_steps: int) -> str:
        """The row for people."""
        left = duration((num_steps - moment.step) * row["seconds"])
        parts = [f"step {moment.step}/{num_steps}, {moment.phase}"]
        parts += [f"gamma {moment.gamma:.3g}"] if moment.phase == "joint" else []
        parts += [f"CTC {row['ctc']:.3f}"] if row["ctc"] is not None else []
        if row["contrastive"] is not None:
            parts.append(f"contrastive {row['contrastive']:.3f}, accuracy {percent(row['ssl_accuracy'])}")
        if row["code_perplexity"]:
            parts.append("codes " + " + ".join(f"{used:.0f}" for used in row["code_perplexity"]))
        return ", ".join([*parts, f"norm {row['grad_norm']:.3g}", f"{row['seconds']:.2f} s/step", f"{left} left"])

    def _mean(self, name: str, count: float) -> float | list[float] | None:
        return (self.sums[name] / count).tolist() if name in self.sums and count else None

    def _name_infeasible(self, infeasible: torch.Tensor | None, batch: MicroBatch) -> None:
        if infeasible is not None and bool(infeasible.any()):
            self.counts["infeasible"] += int(infeasible.sum())
            names = [batch.utterances[i] for i in infeasible.nonzero()[:, 0].tolist()]
            logging.warning(f"too short for their transcripts in CTC, no supervised loss: {' '.join(names)}")


def not_finite_audio(batch: MicroBatch) -> list[str]:
    """Utterances with such a sample."""
    waves = zip(batch.utterances, [*batch.joint.labelled, *batch.joint.pool], strict=True)
    return [name for name, wave in waves if not bool(wave.isfinite().all())]


def not_finite_loss(batch: MicroBatch, sums: LossSums) -> list[str]:
    """Utterances of such a loss of the pass."""
    labelled, pool = batch.utterances[: batch.num_labelled], batch.utterances[batch.num_labelled :]
    return [name for loss, total in sums.items() if not bool(total.isfinite())
            for name in (labelled if loss == "supervised" else pool)]
