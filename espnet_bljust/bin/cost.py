"""What a training will cost on 1 to 512 GPUs: steps, GPU hours, time, memory, disk, traffic. local/plan.sh calls it.

Settings come from a recipe's configuration, or complete, with the hours of audio, from an experiment whose stage 7 is
done. Formulas: planning/cost_model.py, and those of stage 7 (planning/report.py, speed.py); rates: cost_rates.py.
"""

import argparse
import re
from pathlib import Path

from espnet_bljust.bilevel.options import build_plan
from espnet_bljust.bin import plan as stage_7
from espnet_bljust.command import run
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.errors import InputError
from espnet_bljust.planning.cost_model import Cluster, cost
from espnet_bljust.planning.cost_rates import Speed, add_measured, count_teraflop, device_of, read_rates, speed_of
from espnet_bljust.planning.cost_table import KINDS, Task, assumptions, bytes_lines, table, warnings
from espnet_bljust.planning.report import Amount, Sizes, amount_of, report
from espnet_bljust.planning.settings import settled
from espnet_bljust.planning.speed import Rates, training_seconds


def main(options: argparse.Namespace) -> None:
    """Print it all; with --measure true, measure first and write the rates."""
    numbers, task = numbers_of(options.gpus), task_of(options)
    if options.measure == "true":
        device = add_measured(task.settings, options.model_size, options.gpu, options.own_rates)
        print(f"{options.own_rates}: {options.gpu} added, {device['name']}")
    speed = speed_for(options, task)
    cluster = Cluster(speed.memory_gb, options.bandwidth * 1e9, options.overlap, options.least_seconds)
    rows = [cost(task.plan, task.settings, task.sizes, speed.rates, task.valid_seconds, cluster, number)
            for number in numbers]
    audio = {kind: hours if hours is None else Amount(hours) for kind, hours in task.hours.items()}
    text = report(task.plan, task.settings, task.sizes, audio).partition("\nMemory of a step")[0]
    print("\n".join([text, "", *bytes_lines(task), "", *assumptions(speed, cluster, task), "", *table(task, rows), "",
                     *warnings(rows, cluster)]))


def task_of(options: argparse.Namespace) -> Task:
    """From the experiment where there is one, else from the recipe's files and the hours that were given."""
    if options.exp_dir:
        path = options.exp_dir / "train.yaml"
        if not path.is_file():
            raise InputError(f"{path}: not found. Run stage 7 first, or leave --exp_dir out and give the hours.")
        settings = read_yaml_keys(path)
        plan = build_plan(settings["plan_conf"])
        files = [settings[f"{name}_shape_file"][0] for name in ("train", "unlabelled", "valid")]
        found = [amount_of(Path(file), may_be_absent=True) for file in files]
        hours = [amount and amount.hours for amount in found]
    else:
        words = ["--config", options.asr_config, "--size_config", options.size_config, "--method", options.method,
                 "--task", options.task, "--token_list", "none", "--token_type", "char", "--exp_dir", "none",
                 "--train_dir", "none", "--pool_dir", "none", "--valid_dir", "none", "--dry_run"]
        words += [word for change in options.asr_args.split() for word in ("--set", change)]
        settings, plan = settled(stage_7.get_parser().parse_args([str(word) for word in words]))
        settings["token_list"] = [f"<token{index}>" for index in range(options.num_tokens)]
        hours = [None] * len(KINDS)
    given = [options.labelled_hours, options.pool_hours, options.valid_hours]
    return Task(settings, plan, Sizes.of(settings), {
        name: found if text == "" else positive(f"--{name}_hours", text)
        for name, text, found in zip(KINDS, given, hours, strict=True)})


def speed_for(options: argparse.Namespace, task: Task) -> Speed:
    """The rate of the call, or of the folder's file, or of the repository's."""
    own = read_rates(options.own_rates) if options.own_rates.is_file() else {}
    device = device_of({**read_rates(options.rates), **own}, options.gpu)
    if re.fullmatch(r"[\d.]+", options.rate):
        rate = positive("--rate", options.rate)
        return Speed(Rates(1 / rate, 1 / rate), f"given, {rate:g} h of audio an hour and GPU", device.get("memory_gb"))
    speed = speed_of(device, count_teraflop(task.settings), use_amp=bool(task.settings.get("use_amp")),
                     utilisation=options.utilisation)
    if not options.rate:
        return speed
    given = re.fullmatch(r"([\d.]+)/s", options.rate)
    if not given:
        raise InputError(f"--rate {options.rate}: neither a number nor steps a second. Write 400 for hours of audio an "
                         "hour and GPU, or 1.5/s.")
    steps = positive("--rate", given[1])
    scale = task.plan.num_steps / steps / training_seconds(task.plan, task.settings, speed.rates, 0.0)
    return speed._replace(rates=Rates(*(scale * each for each in speed.rates)),
                          source=f"given, {steps:g} steps a second on one GPU")


def positive(name: str, text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
        assert 0 < value < float("inf")
    except (ValueError, AssertionError):
        raise InputError(f"{name} {text}: not a positive number. Write {name} 100, say.") from None
    return value


def numbers_of(text: str) -> list[int]:
    """Numbers of GPUs, in quotes."""
    words = text.split()
    if not words or not all(word.isdecimal() and 1 <= int(word) <= 512 for word in words):
        raise InputError(f"--gpus {text!r}: not numbers from 1 to 512. Write --gpus \"1 8 64\", say.")
    return [int(word) for word in words]


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("asr_config", "conf/train_bljust.yaml"), ("size_config", "conf/size/base.yaml"),
                          ("rates", "conf/rates.yaml"), ("own_rates", "rates.yaml")):
        parser.add_argument(f"--{name}", type=Path, default=Path(default))
    parser.add_argument("--exp_dir", type=lambda text: Path(text) if text else None, help="experiment after stage 7")
    for name, default in (("model_size", "base"), ("method", "bljust"), ("task", "recognition"), ("asr_args", ""),
                          ("labelled_hours", ""), ("pool_hours", ""), ("valid_hours", ""), ("gpu", "h100"),
                          ("gpus", "1 8 64 512"), ("rate", ""), ("measure", "false")):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--num_tokens", type=int, default=30)
    for name, default in (("utilisation", 0.1), ("bandwidth", 10.0), ("overlap", 0.5), ("least_seconds", 20.0)):
        parser.add_argument(f"--{name}", type=lambda text, name=name: positive(f"--{name}", text), default=default)
    return parser


if __name__ == "__main__":
    run(get_parser(), main)
