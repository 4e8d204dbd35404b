"""What a cost is asked for: a task from an experiment or from a recipe's files, with hours of audio."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.bilevel.plan_options import build_plan
from espnet_bljust.errors import InputError
from espnet_bljust.planning.plan_report import Sizes, amount_of
from espnet_bljust.planning.settings import settled
from espnet_bljust.training.configuration import TrainingSettings

KINDS = ("labelled", "pool", "valid")


class Task(NamedTuple):
    """What is to be trained."""

    settings: TrainingSettings
    plan: Plan
    sizes: Sizes
    hours: dict[str, float | None]

    @property
    def valid_seconds(self) -> float:
        return 3600 * (self.hours["valid"] or 0)


def task_of_experiment(exp_dir: Path, hours: Mapping[str, str]) -> Task:
    """Of one whose stage 7 is done; ``hours`` that are given, as words, win over those of its sets."""
    path = exp_dir / "train.yaml"
    if not path.is_file():
        raise InputError(f"{path}: not found. Run stage 7 first, or leave --exp_dir out and give the hours.")
    settings = TrainingSettings.read(path)
    amounts = [amount_of(settings.num_samples_file(name), may_be_absent=True)
               for name in ("train", "unlabelled", "valid")]
    known = {kind: amount and amount.hours for kind, amount in zip(KINDS, amounts, strict=True)}
    sizes = Sizes.of(settings.network.shape)
    return Task(settings, build_plan(settings.plan), sizes, {**known, **given_hours(hours)})


def task_of_files(
    size_config: Path, config: Path, hours: Mapping[str, str], *, changes: Sequence[str] = (), method: str, kind: str,
    num_tokens: int
) -> Task:
    """Of a recipe's configurations; ``kind``: recognition or classification."""
    written, plan = settled(size_config, config, changes=changes, method=method, task=kind)
    settings = TrainingSettings(written | {"token_list": [f"<token{index}>" for index in range(num_tokens)]})
    return Task(settings, plan, Sizes.of(settings.network.shape), {**dict.fromkeys(KINDS), **given_hours(hours)})


def given_hours(hours: Mapping[str, str]) -> dict[str, float]:
    """Those that are not empty, as numbers."""
    return {kind: positive(f"--{kind}_hours", text) for kind, text in hours.items() if text}


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
