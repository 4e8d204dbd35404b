"""Stages 8, 9, 10: train one experiment up to the end of exploration, of the joint phase, or of the final phase.

Usage: python -m espnet_bljust.bin.train --exp_dir exp/<tag> --until exploration|joint|final [--ngpu 1]
Several GPUs of a node, or nodes: this process starts one for each (training/nodes.py), and torchrun may do that too.
SIGTERM or SIGUSR1 ends it with a checkpoint and status 85; the same command goes on (docs/cluster.md).
"""

import argparse
import signal
import sys
import warnings
from pathlib import Path

from espnet_bljust.bilevel.options import build_plan
from espnet_bljust.bilevel.plan import PHASES
from espnet_bljust.command import run
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.history import column, read_history
from espnet_bljust.scoring.measures import measures
from espnet_bljust.training import nodes
from espnet_bljust.training.stopping import REQUEUE_CODE, Stopped, listening


def main(options: argparse.Namespace) -> None:
    """Train; asked to stop, say how far it came."""
    try:
        train(options)
    except Stopped as stopped:
        if stopped.first:
            print(f"{options.exp_dir}: {stopped}")
        sys.exit(REQUEUE_CODE)


def train(options: argparse.Namespace) -> None:
    """Call the task, unless the checkpoint is already at the end of the stage."""
    config = options.exp_dir / "train.yaml"
    if not config.exists():
        raise InputError(f"{config}: not found. Run stage 7 first: it writes the training configuration.")
    settings = read_yaml_keys(config)
    plan = build_plan(settings["plan_conf"])
    end = plan.end_of(options.until)
    before = plan.end_of(PHASES[PHASES.index(options.until) - 1]) if options.until != PHASES[0] else 0
    if end == before:
        print(f"no {options.until} phase in this plan, nothing to do")
        return
    if nodes.must_start(options.ngpu, options.num_nodes):
        command = [sys.executable, "-m", "espnet_bljust.bin.train", *sys.argv[1:]]
        sys.exit(nodes.start(command, options.ngpu, options.num_nodes))
    warnings.filterwarnings("ignore", category=FutureWarning, module="espnet2|torch")
    from espnet_bljust.espnet.task import BLJustTask  # takes 10 s: after everything that can fail cheaply

    words = ["--config", str(config), "--output_dir", str(options.exp_dir), "--until", options.until,
             "--num_workers", str(options.num_workers), *nodes.worker_words(options.ngpu)]
    if options.save_interval_minutes is not None:
        words += ["--save_interval_minutes", str(options.save_interval_minutes)]
    BLJustTask.main(cmd=[*words, *options.arguments])
    if not nodes.is_first():
        return
    history = read_history(options.exp_dir / "history.jsonl")
    valid = [row for row in history.valid if row["step"] <= end]
    lost = sum(row.get("unreadable", 0) for row in history.train[-1:])
    cer, accuracy = (100 * column(valid, name)[-1] for name in ("cer", "ssl_accuracy"))
    print(f"{options.exp_dir}: {end - before} {options.until} steps, dev {measures(settings).rate} {cer:.2f} %, "
          f"contrastive accuracy {accuracy:.1f} % on dev"
          + (f"; unreadable audio was passed over {lost} times: {options.exp_dir}/unreadable_*.txt" if lost else ""))


def minutes(value: str) -> float:
    """A time that is not negative."""
    if not 0 <= float(value) < float("inf"):
        raise argparse.ArgumentTypeError(f"{value}: not a number of minutes; 0 is none")
    return float(value)


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True)
    parser.add_argument("--until", choices=("exploration", "joint", "final"), required=True)
    parser.add_argument("--ngpu", type=int, default=0, help="GPUs of a node; 0 trains on the CPU")
    parser.add_argument("--num_nodes", type=int, default=1, help="machines, each with as many GPUs")
    parser.add_argument("--num_workers", type=int, default=1, help="processes that read audio")
    parser.add_argument("--save_interval_minutes", type=minutes,
                        help="between checkpoints, beside those of evaluations; 0: none (default: the configuration's)")
    parser.add_argument("arguments", nargs="*", help="further ESPnet options, after --")
    return parser


if __name__ == "__main__":
    with listening(signal.SIG_IGN):  # Python takes a second to end: whoever asks again must not turn 85 into a death
        run(get_parser(), main)
