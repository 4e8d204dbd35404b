"""Stages 8, 9, 10: train one experiment up to the end of exploration, of the joint phase, or of the final phase.

Usage: python -m espnet_bljust.bin.train --exp_dir exp/<tag> --until exploration|joint|final [--ngpu 1]
Several GPUs of a node, or nodes: this process starts one for each (training/nodes.py), and torchrun may do that too.
SIGTERM or SIGUSR1 ends it with a checkpoint and status 85; the same command goes on (docs/cluster.md).
"""

import argparse
import signal
import sys
from pathlib import Path

from espnet_bljust.command import minutes, run
from espnet_bljust.espnet.stage import Machines, train
from espnet_bljust.training.stopping import REQUEUE_CODE, Stopped, listening


def main(options: argparse.Namespace) -> None:
    """Train; asked to stop, say how far it came."""
    machines = Machines(options.ngpu, options.num_nodes, options.num_workers)
    try:
        line = train(options.exp_dir, options.until, machines,
                     again=[sys.executable, "-m", "espnet_bljust.bin.train", *sys.argv[1:]],
                     save_interval_minutes=options.save_interval_minutes, more=options.arguments)
        if line:
            print(line)
    except Stopped as stopped:
        if stopped.first:
            print(f"{options.exp_dir}: {stopped}")
        sys.exit(REQUEUE_CODE)


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
