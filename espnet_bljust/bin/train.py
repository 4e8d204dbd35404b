"""Stages 8, 9, 10: train one experiment up to the end of exploration, of the joint phase, or of the final phase.

Usage: python -m espnet_bljust.bin.train --exp_dir exp/<tag> --until exploration|joint|final [--ngpu 1]
"""

import argparse
import warnings
from pathlib import Path

from espnet_bljust.bilevel.options import build_plan
from espnet_bljust.bilevel.plan import PHASES
from espnet_bljust.bin.command import run
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.history import column, read_history
from espnet_bljust.scoring.measures import measures
from espnet_bljust.settings_file import read_yaml_keys


def main(options: argparse.Namespace) -> None:
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
    warnings.filterwarnings("ignore", category=FutureWarning, module="espnet2|torch")
    from espnet_bljust.espnet.task import BLJustTask  # takes 10 s: after everything that can fail cheaply

    BLJustTask.main(cmd=["--config", str(config), "--output_dir", str(options.exp_dir), "--until", options.until,
                         "--ngpu", str(options.ngpu), "--num_workers", str(options.num_workers), *options.arguments])
    history = read_history(options.exp_dir / "history.jsonl")
    valid = [row for row in history.valid if row["step"] <= end]
    lost = sum(row.get("unreadable", 0) for row in history.train[-1:])
    cer, accuracy = (100 * column(valid, name)[-1] for name in ("cer", "ssl_accuracy"))
    print(f"{options.exp_dir}: {end - before} {options.until} steps, dev {measures(settings).rate} {cer:.2f} %, "
          f"contrastive accuracy {accuracy:.1f} % on dev"
          + (f"; unreadable audio was passed over {lost} times: {options.exp_dir}/unreadable_*.txt" if lost else ""))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True)
    parser.add_argument("--until", choices=("exploration", "joint", "final"), required=True)
    parser.add_argument("--ngpu", type=int, default=0, help="GPUs; 0 trains on the CPU")
    parser.add_argument("--num_workers", type=int, default=1, help="processes that read audio")
    parser.add_argument("arguments", nargs="*", help="further ESPnet options, after --")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
