"""Stages 8, 9, 10: one experiment trained up to the end of a phase of its plan."""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.bilevel.plan import PHASES
from espnet_bljust.bilevel.plan_options import build_plan
from espnet_bljust.errors import InputError
from espnet_bljust.keys import refuse_unknown
from espnet_bljust.scoring.history import column, read_history
from espnet_bljust.scoring.measures import measures, percent
from espnet_bljust.training import nodes, outcome
from espnet_bljust.training.configuration import TrainingSettings
from espnet_bljust.training.loading import make_sockets_fit


class Machines(NamedTuple):
    """What the processes of a training run on."""

    num_gpus: int = 0  # of a node; 0: the CPU
    num_nodes: int = 1
    num_workers: int = 1  # processes that read audio


def train(
    exp_dir: Path, until: str, machines: Machines, *, again: Sequence[str] = (),
    save_interval_minutes: float | None = None, more: Sequence[str] = (),
) -> str | None:
    """Call ESPnet's task, unless the plan has no such phase; what came of it, from the first process alone.

    until: exploration, joint or final; again: the command that is this call, started once for each GPU where there are
    several; more: further options of ESPnet.
    """
    config = exp_dir / "train.yaml"
    if not config.exists():
        raise InputError(f"{config}: not found. Run stage 7 first: it writes the training configuration.")
    settings = TrainingSettings.read(config)
    plan = build_plan(settings.plan)
    end = plan.end_of(until)
    before = plan.end_of(PHASES[PHASES.index(until) - 1]) if until != PHASES[0] else 0
    if end == before:
        return f"no {until} phase in this plan, nothing to do"
    if nodes.must_start(machines.num_gpus, machines.num_nodes):
        sys.exit(nodes.start(again, machines.num_gpus, machines.num_nodes))
    warnings.filterwarnings("ignore", category=FutureWarning, module="espnet2|torch")
    from espnet_bljust.espnet.task import BLJustTask  # takes 10 s: after everything that can fail cheaply

    words = ["--output_dir", str(exp_dir), "--until", until, "--num_workers", str(machines.num_workers),
             *nodes.worker_words(machines.num_gpus)]
    if save_interval_minutes is not None:
        words += ["--save_interval_minutes", str(save_interval_minutes)]
    make_sockets_fit()
    parser = BLJustTask.get_parser()
    refuse_unknown(settings.written, vars(parser.parse_args([])), str(config), "training does not read")
    parser.set_defaults(**settings.written)  # not by --config, which reads YAML 1.1
    BLJustTask.main(args=parser.parse_args([*words, *more]))
    if not nodes.is_first():
        return None
    return f"{exp_dir}: {end - before} {until} steps, {told(exp_dir, before + 1, end, measures(exp_dir).rate)}"


def told(exp_dir: Path, first: int, end: int, rate: str) -> str:
    """The last evaluation up to the step ``end``, and what went wrong since ``first``; InputError for a dead phase.

    rate: the name of dev's error rate.
    """
    history = read_history(exp_dir / "history.jsonl")
    wrong = outcome.told(history, first, end, str(exp_dir))
    valid = [row for row in history.valid if row["step"] <= end]
    cer, accuracy = (column(valid, name)[-1] for name in ("cer", "ssl_accuracy"))
    return (f"dev {rate} {100 * cer:.2f} %, contrastive accuracy {percent(accuracy)} on dev"
            + (f"; {wrong}" if wrong else ""))
