"""Rates of training for the cost planner: measured ones of conf/rates.yaml, else computed, and how to measure one.

A measured rate is a number of floating-point operations and the seconds they took; for another network the seconds
are scaled by its own operations, from the measured network that is nearest. Without one, a device's speed is its
peak x an assumed utilisation.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.disk.yaml_core import as_yaml
from espnet_bljust.errors import InputError
from espnet_bljust.network.flops import count_flops
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.planning.speed import UTTERANCE_SECONDS, Rates, measure, seconds_of_step
from espnet_bljust.training.configuration import TrainingSettings

KINDS = ("labelled", "pool")
UTTERANCES = 2  # of noise, to count on


class Speed(NamedTuple):
    """Rates of one process of a device, and where they come from, in a sentence."""

    rates: Rates
    source: str
    memory_gb: float | None


def read_rates(path: Path) -> dict:
    """Devices by their names in the file."""
    content = read_yaml_keys(path)
    try:
        devices = content["devices"]
        for device in devices.values():
            assert device["name"] and (device.get("measured") or device.get("peak_teraflops"))
            assert all(type(number) in (int, float) and number > 0 for number in _numbers_of(device))
    except (KeyError, TypeError, AttributeError, AssertionError):
        raise InputError(f"{path}: not a file of rates. Take conf/rates.yaml as a pattern: devices, each with a name "
                         "and measured or peak_teraflops, in positive numbers.") from None
    return devices


def _numbers_of(device: dict) -> Iterator[object]:
    """What has to be a number: of each measured row, of the peaks by type, and the memory where it is said."""
    for row in device.get("measured") or []:
        yield row["audio_seconds"]
        yield from (row[kind][name] for kind in KINDS for name in ("teraflop", "seconds"))
    yield from (device.get("peak_teraflops") or {}).values()
    yield from [device["memory_gb"]] if "memory_gb" in device else []


def device_of(devices: dict, name: str) -> dict:
    """The device called so."""
    if name not in devices:
        raise InputError(f"--gpu {name}: has no rate. Known: {', '.join(devices)}. --measure true adds this machine.")
    return devices[name]


def count_teraflop(settings: TrainingSettings) -> Rates:
    """Operations of one second of audio, forward and backward, counted on the configured network."""
    torch.manual_seed(0)
    network, seconds = JointNetwork(*settings.network.shape), UTTERANCES * UTTERANCE_SECONDS
    return Rates(*(count_flops(lambda pool=pool: seconds_of_step(network, UTTERANCES, settings, pool=pool))
                   / seconds / 1e12 for pool in (False, True)))


def speed_of(device: dict, teraflop: Rates, *, use_amp: bool, utilisation: float) -> Speed:
    """``teraflop``: of a second of audio."""
    if device.get("measured"):
        row = min(device["measured"], key=lambda each: abs(math.log(
            each["pool"]["teraflop"] / each["audio_seconds"] / teraflop.pool)))
        rates = Rates(*(needed / row[kind]["teraflop"] * row[kind]["seconds"]
                        for needed, kind in zip(teraflop, KINDS, strict=True)))
        source = (f"measured: {device['name']}, size {row['size']}, {row['command']} ({row['source']}), scaled by "
                  "floating-point operations")
        return Speed(rates, source, device.get("memory_gb"))
    dtype = "bfloat16" if use_amp else "float32"
    peak = device["peak_teraflops"][dtype]
    source = (f"not measured: computed from FLOPs ({teraflop.labelled:.4f} TFLOP a second of labelled audio, "
              f"{teraflop.pool:.4f} of the pool, espnet_bljust/network/flops.py) at an assumed utilisation of "
              f"{100 * utilisation:g} % of {peak:g} TFLOP/s in {dtype} ({device['source']})")
    return Speed(Rates(*(each / (peak * utilisation) for each in teraflop)), source, device.get("memory_gb"))


def add_measured(settings: TrainingSettings, size: str, name: str, path: Path) -> dict:
    """Measure this machine (its GPU, or one core), and write it to ``path`` as a device called ``name``."""
    on_gpu = name != "cpu"
    if on_gpu and not torch.cuda.is_available():
        raise InputError(f"--gpu {name}: torch sees no GPU here. Measure on a machine that has one, or --gpu cpu.")
    if not on_gpu:
        torch.set_num_threads(1)
    teraflop, rates = count_teraflop(settings), measure(settings, int(on_gpu))
    device: dict = {"name": torch.cuda.get_device_name() if on_gpu else "one core of this machine"}
    if on_gpu:
        device["memory_gb"] = round(torch.cuda.get_device_properties(0).total_memory / 1e9, 1)
    device["measured"] = [{
        "size": size, "audio_seconds": 1, **{kind: {"teraflop": operations, "seconds": seconds} for kind, operations,
                                             seconds in zip(KINDS, teraflop, rates, strict=True)},
        "command": "local/plan.sh --measure true", "source": f"torch {torch.__version__}, without the optimizer"}]
    known = read_rates(path) if path.is_file() else {}
    write_atomic(path, "# Made by local/plan.sh --measure true; conf/rates.yaml says what stands in it.\n"
                 + as_yaml({"devices": {**known, name: device}}))
    return device
