"""What a training costs on 1 to 512 GPUs: the whole text, from a task, a machine and its links."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.errors import InputError
from espnet_bljust.planning.cost_model import Cluster, cost
from espnet_bljust.planning.cost_rates import Speed, add_measured, count_teraflop, device_of, read_rates, speed_of
from espnet_bljust.planning.cost_table import assumptions, bytes_lines, table, warnings
from espnet_bljust.planning.cost_task import Task, positive
from espnet_bljust.planning.plan_report import Amount, report
from espnet_bljust.planning.speed import Rates, training_seconds


class Machine(NamedTuple):
    """Where a training is to run, and how its rate is known."""

    gpu: str  # a name in the files of rates
    rates: Path  # conf/rates.yaml
    own_rates: Path  # of this folder, which win; may be absent
    rate: str = ""  # hours of audio an hour and GPU, or steps a second as 1.5/s, in the place of both files
    utilisation: float = 0.1  # share of the peak that is assumed where nothing was measured


class Links(NamedTuple):
    """What joins the GPUs, and the least work that keeps one busy."""

    bandwidth: float  # bytes a second that a process sends in the all-reduce
    overlap: float  # share of the backward pass that can hide an all-reduce
    least_seconds: float  # of audio for a process and micro-batch


def cost_report(task: Task, machine: Machine, links: Links, numbers: Sequence[int]) -> str:
    """``numbers``: of GPUs, a row each."""
    speed = speed_for(task, machine)
    cluster = Cluster(speed.memory_gb, *links)
    rows = [cost(task.plan, task.settings, task.sizes, speed.rates, task.valid_seconds, cluster, number)
            for number in numbers]
    audio = {kind: hours if hours is None else Amount(hours) for kind, hours in task.hours.items()}
    text = report(task.plan, task.settings, task.sizes, audio).partition("\nMemory of a step")[0]
    return "\n".join([text, "", *bytes_lines(task), "", *assumptions(speed, cluster, task), "", *table(task, rows), "",
                      *warnings(rows, cluster)])


def measure_machine(task: Task, machine: Machine, model_size: str) -> str:
    """This one is measured and written into its own rates; what was added."""
    device = add_measured(task.settings, model_size, machine.gpu, machine.own_rates)
    return f"{machine.own_rates}: {machine.gpu} added, {device['name']}"


def speed_for(task: Task, machine: Machine) -> Speed:
    """The rate of the call, or of the folder's file, or of the repository's."""
    own = read_rates(machine.own_rates) if machine.own_rates.is_file() else {}
    device = device_of({**read_rates(machine.rates), **own}, machine.gpu)
    if re.fullmatch(r"[\d.]+", machine.rate):
        rate = positive("--rate", machine.rate)
        return Speed(Rates(1 / rate, 1 / rate), f"given, {rate:g} h of audio an hour and GPU", device.get("memory_gb"))
    speed = speed_of(device, count_teraflop(task.settings), use_amp=task.settings.optimisation.use_amp,
                     utilisation=machine.utilisation)
    if not machine.rate:
        return speed
    given = re.fullmatch(r"([\d.]+)/s", machine.rate)
    if not given:
        raise InputError(f"--rate {machine.rate}: neither a number nor steps a second. Write 400 for hours of audio an "
                         "hour and GPU, or 1.5/s.")
    steps = positive("--rate", given[1])
    scale = task.plan.num_steps / steps / training_seconds(task.plan, task.settings, speed.rates, 0.0)
    return speed._replace(rates=Rates(*(scale * each for each in speed.rates)),
                          source=f"given, {steps:g} steps a second on one GPU")
