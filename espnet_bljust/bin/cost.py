"""What a training will cost on 1 to 512 GPUs: steps, GPU hours, time, memory, disk, traffic. local/plan.sh calls it.

Settings come from a recipe's configuration, or complete, with the hours of audio, from an experiment whose stage 7 is
done. Formulas: cost_model.py, and those of stage 7 (plan_report.py, plan_speed.py); rates: cost_rates.py.
"""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.bilevel.options import build_plan
from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.bin import plan as stage_7
from espnet_bljust.bin.command import run
from espnet_bljust.bin.cost_model import Cluster, Cost, audio_of_update, cost
from espnet_bljust.bin.cost_rates import Speed, add_measured, count_teraflop, device_of, read_rates, speed_of
from espnet_bljust.bin.estimate import BYTES_PER_HOUR, FLAC_RATIO
from espnet_bljust.bin.plan_report import Amount, Sizes, disk_gb, report
from espnet_bljust.bin.plan_speed import Rates, training_seconds
from espnet_bljust.errors import InputError
from espnet_bljust.progress import duration
from espnet_bljust.settings_file import read_yaml_keys

KINDS = ("labelled", "pool", "valid")


class Task(NamedTuple):
    """What is to be trained."""

    settings: dict
    plan: Plan
    sizes: Sizes
    hours: dict[str, float | None]

    @property
    def valid_seconds(self) -> float:
        return 3600 * (self.hours["valid"] or 0)


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
        found = [stage_7.amount_of(Path(file), may_be_absent=True) for file in files]
        hours = [amount and amount.hours for amount in found]
    else:
        words = ["--config", options.asr_config, "--size_config", options.size_config, "--method", options.method,
                 "--task", options.task, "--token_list", "none", "--token_type", "char", "--exp_dir", "none",
                 "--train_dir", "none", "--pool_dir", "none", "--valid_dir", "none", "--dry_run"]
        words += [word for change in options.asr_args.split() for word in ("--set", change)]
        settings, plan = stage_7.settled(stage_7.get_parser().parse_args([str(word) for word in words]))
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


def bytes_lines(task: Task) -> list[str]:
    """Disk and reading, which the number of GPUs does not change."""
    consumed = zip(task.plan.consumed(task.plan.num_steps), audio_of_update(task.settings), strict=True)
    hours = sum(steps * seconds for steps, seconds in consumed) / 3600
    stored = [value for value in task.hours.values() if value is not None]
    rate = BYTES_PER_HOUR * FLAC_RATIO
    disk = [f"{disk_gb(task.sizes, task.settings):.1f} GB for checkpoints and packs"]
    if stored:
        disk.append(f"{sum(stored) * rate / 1e9:.1f} GB for {sum(stored):,.0f} h of audio as FLAC")
    return [f"Disk: {', '.join(disk)}. Read from it: {hours:,.0f} h of audio, {hours * rate / 1e12:.2f} TB, "
            f"{hours * rate / task.plan.num_steps / 1e6:.1f} MB an update."]


def assumptions(speed: Speed, cluster: Cluster, task: Task) -> list[str]:
    """Everything that the table rests on, and how to do better."""
    labelled, pool = audio_of_update(task.settings)
    hours = [1 / each for each in speed.rates]
    evaluated = "" if task.hours["valid"] else " Evaluation is not counted: --valid_hours is not known."
    return [
        f"- Rate: {speed.source}: {hours[0]:,.1f} h of labelled and {hours[1]:,.1f} h of pool audio an hour and GPU. "
        "`local/plan.sh --measure true` measures this machine; --rate takes a rate of yours.",
        f"- An update takes {labelled:g} s of labelled and {pool:g} s of pool audio (where its phase has them) on any "
        "number of GPUs: set accum_grad and both batch_seconds as the table says, and the updates stay the same.",
        f"- All-reduce: ring, 2 (P - 1) / P x {sum(task.sizes[:3]):,} parameters x 4 bytes by each GPU at every "
        f"micro-batch, at {cluster.bandwidth / 1e9:g} GB/s (--bandwidth); {100 * cluster.overlap:g} % of the backward "
        "pass hides it (--overlap, assumed). Latency and unequal shares are left out." + evaluated]


def table(task: Task, rows: list[Cost]) -> list[str]:
    """A line for each number of GPUs."""
    labelled, pool = audio_of_update(task.settings)
    heads = ["GPUs", "accum_grad", "batch_seconds", "unlabelled_batch_seconds", "audio a GPU, s", "memory, GB",
             "s an update", "waiting", "wall time", "GPU hours", "sent a GPU and update, GB", "sent in all, TB"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        sent = row.sent_bytes * row.processes * task.plan.num_steps / 1e12
        cells = [row.processes, row.micro_batches, f"{labelled / row.micro_batches:.4g}",
                 f"{pool / row.micro_batches:.4g}", f"{row.audio_seconds:.1f}",
                 f"{row.memory_gb:.1f}" if row.fits else f"**{row.memory_gb:.1f}**", f"{row.update_seconds:.3g}",
                 f"{100 * row.waiting_share:.0f} %", duration(row.wall_seconds), f"{row.process_hours:,.1f}",
                 f"{row.sent_bytes / 1e9:.2f}", f"{sent:,.1f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def warnings(rows: list[Cost], cluster: Cluster) -> list[str]:
    """What speaks against some of the rows."""
    lines = []
    if too_big := [row.processes for row in rows if not row.fits]:
        lines.append(f"! {listed(too_big)} GPUs: weights, gradients and moments alone exceed a GPU's memory.")
    if small := [row.processes for row in rows if row.least_audio_seconds < cluster.least_seconds]:
        lines.append(f"! {listed(small)} GPUs: less than {cluster.least_seconds:g} s of audio a GPU and micro-batch in "
                     "some phase (--least_seconds): GPUs wait for whole utterances of others, and no rate holds.")
    slower = [row.processes for before, row in zip(rows, rows[1:], strict=False)
              if row.processes > before.processes and row.wall_seconds >= before.wall_seconds]
    if slower:
        lines.append(f"! {listed(slower)} GPUs take no less time than the number before: the all-reduce costs more "
                     "than they save.")
    return lines


def listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


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
