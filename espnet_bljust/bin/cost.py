"""What a training will cost on 1 to 512 GPUs: steps, GPU hours, time, memory, disk, traffic. local/plan.sh calls it.

Settings come from a recipe's configuration, or complete, with the hours of audio, from an experiment whose stage 7 is
done. Formulas: planning/cost_model.py, and those of stage 7 (planning/plan_report.py, speed.py); rates: cost_rates.py.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run, true_false
from espnet_bljust.planning.cost_report import Links, Machine, cost_report, measure_machine
from espnet_bljust.planning.cost_task import KINDS, numbers_of, positive, task_of_experiment, task_of_files
from espnet_bljust.planning.settings import HEADS


def main(options: argparse.Namespace) -> None:
    """Print it all; with --measure true, measure first and write the rates."""
    numbers = numbers_of(options.gpus)
    hours = {name: getattr(options, f"{name}_hours") for name in KINDS}
    if options.exp_dir:
        task = task_of_experiment(options.exp_dir, hours)
    else:
        task = task_of_files(options.size_config, options.asr_config, hours, changes=options.asr_args.split(),
                             method=options.method, kind=options.task, num_tokens=options.num_tokens)
    machine = Machine(options.gpu, options.rates, options.own_rates, options.rate, options.utilisation)
    if options.measure:
        print(measure_machine(task, machine, options.model_size))
    links = Links(options.bandwidth * 1e9, options.overlap, options.least_seconds)
    print(cost_report(task, machine, links, numbers))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("asr_config", "conf/train_bljust.yaml"), ("size_config", "conf/size/base.yaml"),
                          ("rates", "conf/rates.yaml"), ("own_rates", "rates.yaml")):
        parser.add_argument(f"--{name}", type=Path, default=Path(default))
    parser.add_argument("--exp_dir", type=lambda text: Path(text) if text else None, help="experiment after stage 7")
    for name, default in (("model_size", "base"), ("method", "bljust"), ("asr_args", ""),
                          ("labelled_hours", ""), ("pool_hours", ""), ("valid_hours", ""), ("gpu", "h100"),
                          ("gpus", "1 8 64 512"), ("rate", "")):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--measure", type=true_false, default=False, help="measure this machine first")
    parser.add_argument("--task", choices=tuple(HEADS), default="recognition")
    parser.add_argument("--num_tokens", type=int, default=30)
    for name, default in (("utilisation", 0.1), ("bandwidth", 10.0), ("overlap", 0.5), ("least_seconds", 20.0)):
        parser.add_argument(f"--{name}", type=lambda text, name=name: positive(f"--{name}", text), default=default)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
