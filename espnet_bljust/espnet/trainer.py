"""The training loop on ESPnet2's seam: evaluation intervals instead of epochs, one plan over all of them.

ESPnet's own loop leaks left-over gradients over epochs, cannot normalise two losses by their own counts over
processes, and writes checkpoints in place; so `run` is ours and keeps ESPnet's file names.
"""

import argparse
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from espnet2.train.distributed_utils import DistributedOption
from espnet2.train.trainer import Trainer, TrainerOptions
from espnet2.utils.build_dataclass import build_dataclass

from espnet_bljust.bilevel.balance import Balance
from espnet_bljust.bilevel.plan import Moment, Plan
from espnet_bljust.errors import InputError
from espnet_bljust.espnet.checkpoint import kept_epochs, link, load, prune, save_atomically
from espnet_bljust.espnet.health import Health
from espnet_bljust.espnet.history import History
from espnet_bljust.espnet.iterator import JointIterFactory, ValidIterFactory
from espnet_bljust.espnet.precision import bfloat16_pays
from espnet_bljust.espnet.processes import Processes
from espnet_bljust.espnet.stats import StepStats
from espnet_bljust.espnet.update import Settings, Updater
from espnet_bljust.espnet.validation import Validator
from espnet_bljust.progress import progress
from espnet_bljust.randomness import derive_seed

log = logging.getLogger("espnet_bljust")
log.setLevel(logging.INFO)  # whatever ESPnet's --log_level is: its own level keeps the dump of every module out


@dataclasses.dataclass
class BLJustTrainerOptions(TrainerOptions):
    """What the loop needs beside ESPnet's own options."""

    until: str  # exploration, joint or final: the stage whose end stops this call
    steps_per_epoch: int  # optimizer steps between evaluations
    stop_on_alarm: bool  # end the run at the first alarm of health.py
    keep_updates: Sequence[int]  # optimizer steps whose weights stay on disk


@dataclasses.dataclass
class Run:
    """Everything that lives as long as one call of the trainer."""

    updater: Updater
    health: Health
    train: JointIterFactory
    validator: Validator
    history: History | None  # on the first process only
    processes: Processes
    options: BLJustTrainerOptions
    parts: dict  # what the checkpoint holds of each: its state_dict
    scores: dict[int, float]  # epoch -> dev CER

    @property
    def plan(self) -> Plan:
        return self.train.plan

    def temperature(self, step: int) -> float:
        """Of the quantizer after ``step``."""
        return self.updater.network.temperature(self.plan.consumed(step)[1])

    @property
    def output_dir(self) -> Path:
        return Path(self.options.output_dir)


class BLJustTrainer(Trainer):
    """ESPnet's trainer with `run` of our own; class methods only, as there."""

    @classmethod
    def build_options(cls, args: argparse.Namespace) -> BLJustTrainerOptions:
        options = build_dataclass(BLJustTrainerOptions, args)
        keep = options.keep_nbest_models  # ESPnet's default and its command line give a list, a YAML file a number
        return dataclasses.replace(options, keep_nbest_models=keep if isinstance(keep, int) else max(keep))

    @classmethod
    def run(
        cls,
        model: torch.nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        schedulers: Sequence,
        train_iter_factory: JointIterFactory,
        valid_iter_factory: ValidIterFactory,
        plot_attention_iter_factory: None,
        trainer_options: BLJustTrainerOptions,
        distributed_option: DistributedOption,
    ) -> None:
        """Train from the checkpoint, or from the start, to the end of the stage ``until``."""
        processes, plan = Processes(distributed_option), train_iter_factory.plan
        balance = Balance() if plan.gamma_unit == "balanced" else None
        groups, codes = train_iter_factory.drawing.codebook
        health = Health(num_negatives=train_iter_factory.drawing.masking.num_negatives, groups=groups, codes=codes)
        output_dir = Path(trainer_options.output_dir)
        parts = {"model": model, "optimizer": optimizers[0], "health": health}
        parts |= {"balance": balance} if balance else {}
        step, scores = _resume(output_dir / "checkpoint.pth", parts, processes.device)
        end = plan.end_of(trainer_options.until)
        if step >= end:
            log.info(f"the {trainer_options.until} stage is complete: {step} of {plan.num_steps} steps")
            return
        settings = Settings(trainer_options.grad_clip, trainer_options.use_amp and _bfloat16(processes))
        run = Run(
            Updater(processes.wrap(model), optimizers[0], processes, settings, balance), health, train_iter_factory,
            Validator(valid_iter_factory, processes), History(output_dir, step) if processes.first else None, processes,
            trainer_options, parts, scores,
        )
        points = plan.evaluations(trainer_options.steps_per_epoch, trainer_options.keep_updates)
        for epoch, point in enumerate(points, 1):
            if step < point <= end:
                train_interval(run, epoch, step + 1, point)
                evaluate(run, epoch, point)
                step = point
        if run.history is not None:
            run.history.close()


def train_interval(run: Run, epoch: int, first: int, last: int) -> None:
    """Optimizer steps first..last (global, inclusive)."""
    run.updater.model.train()
    stats = StepStats(epoch, run.health.counts)
    steps = zip(range(first, last + 1), run.train.steps(first, last), strict=True)
    what, total = f"epoch {epoch}, steps {first}-{last}", last - first + 1
    balance = run.updater.balance
    for step, batches in progress(steps, what, total=total, unit="step", lines=False):
        moment = run.plan.at(step, balance.ratio if balance else 1.0)
        due = step % run.options.log_interval == 0 or step == last
        torch.manual_seed(derive_seed(run.options.seed, "step", step, run.processes.rank))
        run.updater.step(batches, moment, run.temperature(step), stats, measure=due)
        if due:
            report(run, stats.summary(moment, run.temperature(step)), moment)
            stats.clear()


def report(run: Run, row: dict, moment: Moment) -> None:
    """Log a row with its alarms, on the first process; an alarm of any process may stop them all."""
    alarms = run.health.look(row, moment.step, moment.settled)
    row |= run.health.counts
    if run.history is not None:
        run.history.add("train", moment.step, row)
        log.info(StepStats.line(row, moment, run.plan.num_steps))
        for alarm in alarms:
            log.warning(f"ALARM at step {moment.step}: {alarm}")
    if run.options.stop_on_alarm and run.processes.sum([len(alarms)])[0]:
        what = alarms[0] if alarms else "an alarm of another process. Its log says which."
        raise InputError(f"{run.output_dir}: stopped at step {moment.step} (stop_on_alarm): {what}")


def evaluate(run: Run, epoch: int, step: int) -> None:
    """Validate, then write the checkpoint and keep the best and the newest models."""
    result = run.validator(run.updater.model, run.temperature(step))
    if run.history is None:
        return
    run.scores[epoch] = result["cer"]
    phase = run.plan.at(step).phase
    run.history.add("valid", step, {"epoch": epoch, "phase": phase, **result})
    log.info(f"epoch {epoch}, step {step}/{run.plan.num_steps}, {phase}: dev CER {100 * result['cer']:.2f} %, "
                 f"CTC {result['ctc']:.3f}, contrastive {result['contrastive']:.3f}, "
                 f"accuracy {100 * result['ssl_accuracy']:.1f} %")
    weights = run.updater.inner.state_dict()
    keep = kept_epochs(run.scores, run.options.keep_nbest_models)
    best = min(run.scores, key=lambda e: (run.scores[e], -e))
    save_atomically(weights, run.output_dir / f"{epoch}epoch.pth")
    if step in run.options.keep_updates:
        save_atomically(weights, run.output_dir / f"{step}updates.pth")
    link(f"{epoch}epoch.pth", run.output_dir / "latest.pth")
    link(f"{best}epoch.pth", run.output_dir / "valid.cer.best.pth")
    states = {name: part.state_dict() for name, part in run.parts.items()}
    save_atomically({**states, "step": step, "scores": run.scores}, run.output_dir / "checkpoint.pth")
    prune(run.output_dir, keep)


def _bfloat16(processes: Processes) -> bool:
    """What use_amp comes to: bfloat16 if it is faster for every process."""
    pays = processes.sum([float(bfloat16_pays(processes.device))])[0] == processes.world_size
    log.info("use_amp: the forward pass in bfloat16" if pays else
             "use_amp: float32 all the same, as bfloat16 products are not clearly faster on this machine")
    return pays


def _resume(path: Path, parts: dict, device: torch.device) -> tuple[int, dict[int, float]]:
    """Give each part its state; (last finished step, CER of the evaluated epochs)."""
    if not path.exists():
        return 0, {}
    state = load(path, device)
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        step, scores = state["step"], dict(state["scores"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path}: does not fit the model of train.yaml ({reason}). "
                         "Restore train.yaml, or train in another experiment directory.") from error
    log.info(f"going on from {path}, step {step}")
    return step, scores
