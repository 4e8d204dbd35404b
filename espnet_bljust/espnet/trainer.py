"""The training loop on ESPnet2's seam: evaluation intervals instead of epochs, one plan over all of them.

ESPnet's own loop leaks left-over gradients over epochs, cannot normalise two losses by their own counts over
processes, and writes checkpoints in place; so `run` is ours and keeps ESPnet's file names.
"""

import argparse
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path

import torch
from espnet2.train.distributed_utils import DistributedOption
from espnet2.train.trainer import Trainer, TrainerOptions
from espnet2.utils.build_dataclass import build_dataclass

from espnet_bljust.bilevel.balance import Balance
from espnet_bljust.bilevel.plan import Moment, Plan
from espnet_bljust.errors import InputError
from espnet_bljust.espnet.iterator import JointIterFactory, ValidIterFactory
from espnet_bljust.progress import progress
from espnet_bljust.randomness import derive_seed
from espnet_bljust.scoring.measures import percent
from espnet_bljust.training import configuration
from espnet_bljust.training.health import OF_UTTERANCES, Health
from espnet_bljust.training.history_rows import History
from espnet_bljust.training.phase_dropouts import PhaseDropouts, phase_dropouts
from espnet_bljust.training.precision import Precision, bfloat16_pays
from espnet_bljust.training.processes import Processes
from espnet_bljust.training.running_average import RunningAverage
from espnet_bljust.training.saving import Position, Saver
from espnet_bljust.training.stats import StepStats
from espnet_bljust.training.take_off import MOST, TAKE_OFF, StillOnPlateau, TakeOff
from espnet_bljust.training.update import StepSettings, Updater
from espnet_bljust.training.validation import Validator
from espnet_bljust.weights.checkpoint import kept_epochs, link, prune, ranked, save_atomically

log = logging.getLogger("espnet_bljust")
log.setLevel(logging.INFO)  # whatever ESPnet's --log_level is: its own level keeps the dump of every module out


@dataclasses.dataclass
class BLJustTrainerOptions(TrainerOptions):
    """What the loop needs beside ESPnet's own options."""

    until: str  # exploration, joint or final: the stage whose end stops this call
    keys: configuration.Run
    dropouts: PhaseDropouts  # that differ from the trunk's own


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
    stats: StepStats
    saver: Saver
    scores: dict[int, float]  # epoch -> dev CER
    average: RunningAverage | None
    take_off: TakeOff | None

    @property
    def plan(self) -> Plan:
        return self.train.plan

    def temperature(self, step: int) -> float:
        """Of the quantizer after ``step``."""
        return self.updater.network.temperature(self.plan.consumed(step)[1])

    @cached_property
    def explored(self) -> frozenset[int]:
        """Epochs at whose end the run explores: the supervised head has lost touch with the trunk there."""
        points = self.plan.evaluations(self.options.keys.steps_per_epoch, self.options.keys.keep_updates)
        return frozenset(epoch for epoch, point in enumerate(points, 1) if self.plan.at(point).phase == "exploration")

    @property
    def output_dir(self) -> Path:
        return Path(self.options.output_dir)


class BLJustTrainer(Trainer):
    """ESPnet's trainer with `run` of our own; class methods only, as there."""

    @classmethod
    def build_options(cls, args: argparse.Namespace) -> BLJustTrainerOptions:
        keep = args.keep_nbest_models  # ESPnet's default and its command line give a list, a YAML file a number
        number = keep if isinstance(keep, int) else max(keep)
        settings = configuration.TrainingSettings(vars(args) | {"keep_nbest_models": number})
        own = {"keys": settings.run, "dropouts": settings.dropouts}
        return build_dataclass(BLJustTrainerOptions, argparse.Namespace(**vars(args), **own))

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
        health = Health(codes=train_iter_factory.drawing.codebook[1], token_nats=train_iter_factory.token_nats,
                        plateau_steps=trainer_options.keys.take_off_steps)
        stats, output_dir = StepStats(1, health.counts), Path(trainer_options.output_dir)
        precision = Precision() if trainer_options.use_amp else None
        average = RunningAverage(model, trainer_options.keys.ema_decay) if trainer_options.keys.ema_decay else None
        delay = trainer_options.keys.take_off_steps
        take_off = TakeOff(health.token_nats, delay) if trainer_options.keys.take_off == "retry" else None
        shared = {"model": model, "optimizer": optimizers[0], "balance": balance, "precision": precision,
                  "average": average, "take_off": take_off}
        saver = Saver(output_dir, processes, shared=shared, own={"health": health, "stats": stats},
                      minutes=trainer_options.keys.save_interval_minutes)
        step, scores = saver.resume()
        saver.heed(*processes.sum(saver.wishes()), Position(step, scores))
        if take_off is not None:
            train_iter_factory.plan = plan.begun_again(take_off.times, delay)
        if not (due := intervals(plan, trainer_options, step, scores)):
            log.info(f"the {trainer_options.until} stage is complete: {step} of {plan.num_steps} steps")
            return
        settings = StepSettings(trainer_options.grad_clip, precision is not None and _bfloat16(precision, processes),
                            phase_dropouts(trainer_options.dropouts, model.network.trunk.config))
        evaluated = step < due[0][1]
        run = Run(
            Updater(processes.wrap(model), optimizers[0], processes, settings, balance), health, train_iter_factory,
            Validator(valid_iter_factory, processes), History(output_dir, step, evaluated) if processes.first else None,
            processes, trainer_options, stats, saver, scores, average, take_off)
        train_stage(run, step)


def intervals(
    plan: Plan, options: BLJustTrainerOptions, step: int, scores: Mapping[int, float]
) -> list[tuple[int, int]]:
    """(epoch, last step) of what is left of a stage; the first may want nothing but its evaluation."""
    points = plan.evaluations(options.keys.steps_per_epoch, options.keys.keep_updates)
    return [(epoch, point) for epoch, point in enumerate(points, 1)
            if step <= point <= plan.end_of(options.until) and (step < point or epoch not in scores)]


def train_stage(run: Run, step: int) -> None:
    """From ``step`` on to the end of the stage; begun again where the run stays on the plateau."""
    try:
        while True:
            try:
                return train_intervals(run, intervals(run.plan, run.options, step, run.scores), step)
            except StillOnPlateau:
                step = begin_again(run)
    finally:
        if run.history is not None:
            run.history.close()


def begin_again(run: Run) -> int:
    """Where the run first meets a label, with half the rates; the step before that."""
    times, before = run.take_off.times + 1, run.plan
    step, run.scores = run.saver.go_back(TAKE_OFF)
    run.take_off.times = times
    run.train.plan = before.begun_again(1, run.take_off.delay_steps)
    run.saver.save(Position(step, run.scores))
    if run.history is not None:
        run.history.close()
        run.history = History(run.output_dir, step)
        log.warning(f"TAKE-OFF {times} of {MOST}: CTC stays at what the tokens' frequencies alone give. Again from "
                    f"step {step + 1} on, with {run.plan.rate_scale:g} of the rates and the augmentation "
                    f"{run.take_off.delay_steps} steps later")
    return step


def train_intervals(run: Run, due: Sequence[tuple[int, int]], step: int) -> None:
    """Train and evaluate what `intervals` found, from ``step`` on; a signal after the last step counts too."""
    for epoch, point in due:
        train_interval(run, epoch, step + 1, point)
        evaluate(run, epoch, point)
        step = point
    run.saver.heed(*run.processes.sum(run.saver.wishes()), Position(step, run.scores))


def train_interval(run: Run, epoch: int, first: int, last: int) -> None:
    """Optimizer steps first..last (global, inclusive); a run that goes on may begin anywhere in its interval."""
    run.updater.model.train()
    stats = run.stats
    stats.epoch = epoch
    steps = zip(range(first, last + 1), run.train.steps(first, last), strict=True)
    what, total = f"epoch {epoch}, steps {first}-{last}", last - first + 1
    balance = run.updater.balance
    for step, batches in progress(steps, what, total=total, unit="step", lines=False):
        *counts, stop, late = run.updater.count(batches, *run.saver.wishes())
        run.saver.heed(stop, late, Position(step - 1, run.scores))
        if run.take_off is not None and run.take_off.times == 0 and step == run.plan.first_labelled:
            run.saver.keep(Position(step - 1, run.scores), TAKE_OFF)
        moment = run.plan.at(step, balance.ratio if balance else 1.0)
        due = step % run.options.keys.log_interval == 0 or step == last
        torch.manual_seed(derive_seed(run.options.seed, "step", step, run.processes.rank))
        run.updater.step(batches, moment, run.temperature(step), stats, measure=due, counts=counts)
        if run.average is not None:
            run.average.update()
        if due:
            report(run, stats.over(run.processes).summary(moment, run.temperature(step)), moment)
            stats.clear()


def report(run: Run, row: dict, moment: Moment) -> None:
    """Log a row with its alarms, on the first process; an alarm of any process may stop them all."""
    plateaus = run.health.counts["plateau"]
    alarms = run.health.look(row, moment.step, moment.settled)
    row |= run.health.counts | dict(zip(OF_UTTERANCES, run.processes.sum(
        [run.health.counts[name] for name in OF_UTTERANCES]), strict=True))
    if run.history is not None:
        run.history.add("train", moment.step, row)
        log.info(StepStats.line(row, moment, run.plan.num_steps))
    if run.take_off is not None:
        plateau = run.health.counts["plateau"] > plateaus
        if run.take_off.judge(row, settled=moment.settled, on_plateau=plateau):
            raise StillOnPlateau
        if run.processes.first and not run.take_off.open:
            (run.output_dir / TAKE_OFF).unlink(missing_ok=True)
    raise_alarms(run, alarms, moment.step)


def raise_alarms(run: Run, alarms: Sequence[str], step: int) -> None:
    """Log them, on the first process; stop where the run is to stop at one of any process."""
    if run.history is not None:
        for alarm in alarms:
            log.warning(f"ALARM at step {step}: {alarm}")
    if run.options.keys.stop_on_alarm and run.processes.sum([len(alarms)])[0]:
        what = alarms[0] if alarms else "an alarm of another process. Its log says which."
        raise InputError(f"{run.output_dir}: stopped at step {step} (stop_on_alarm): {what}")


def evaluate(run: Run, epoch: int, step: int) -> None:
    """Validate, keep the best and the newest models, then write the checkpoint."""
    with nullcontext() if run.average is None else run.average.applied():
        result = run.validator(run.updater.model, run.temperature(step))
        alarms = []
        if result is not None:
            share = run.plan.consumed(step)[0] / max(1, run.plan.consumed(run.plan.num_steps)[0])
            alarms = run.health.look_at_dev(result["empty"], share)
            result["all_empty"] = run.health.counts["all_empty"]
        if result is not None and run.history is not None:
            record(run, epoch, step, result)
    if result is None:
        run.saver.heed(True, False, Position(step, run.scores))
        return
    run.scores[epoch] = result["cer"]
    run.saver.save(Position(step, run.scores))
    if run.history is not None:
        prune(run.output_dir, kept_epochs(run.scores, run.options.keys.keep_nbest_models, run.explored))
    raise_alarms(run, alarms, step)


def record(run: Run, epoch: int, step: int, result: dict[str, float]) -> None:
    """Write an evaluation down, and the weights that it judges."""
    phase = run.plan.at(step).phase
    run.history.add("valid", step, {"epoch": epoch, "phase": phase, **result})
    log.info(f"epoch {epoch}, step {step}/{run.plan.num_steps}, {phase}: dev CER {100 * result['cer']:.2f} %, "
             f"CTC {result['ctc']:.3f}, contrastive {result['contrastive']:.3f}, "
             f"accuracy {percent(result['ssl_accuracy'])}")
    keep_models(run, epoch, step, {**run.scores, epoch: result["cer"]})


def keep_models(run: Run, epoch: int, step: int, scores: Mapping[int, float]) -> None:
    """Write the weights of this epoch, and let the links name the newest and the best."""
    weights = run.updater.inner.state_dict()
    save_atomically(weights, run.output_dir / f"{epoch}epoch.pth")
    if step in run.options.keys.keep_updates:
        save_atomically(weights, run.output_dir / f"{step}updates.pth")
    # a run that went back to the checkpoint before the last may have lost an epoch that it would keep
    there = {each: score for each, score in scores.items() if (run.output_dir / f"{each}epoch.pth").exists()}
    best = ranked(there, run.explored)[0]
    link(f"{epoch}epoch.pth", run.output_dir / "latest.pth")
    link(f"{best}epoch.pth", run.output_dir / "valid.cer.best.pth")


def _bfloat16(precision: Precision, processes: Processes) -> bool:
    """What use_amp comes to: bfloat16 if it is faster for every process when the run starts."""
    if precision.bfloat16 is None:
        precision.bfloat16 = processes.sum([float(bfloat16_pays(processes.device))])[0] == processes.world_size
    log.info("use_amp: the forward pass in bfloat16" if precision.bfloat16 else
             "use_amp: float32 all the same, as bfloat16 products were not clearly faster where the run started")
    return precision.bfloat16
