"""Stage 7: the configurations merged and checked against the data; train.yaml, plan.json and stats.md."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.data.feeding.pool_index import num_lines, write_index
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.yaml_core import as_yaml
from espnet_bljust.errors import InputError
from espnet_bljust.planning.checks import check_frozen
from espnet_bljust.planning.data_settings import Data
from espnet_bljust.planning.limits import Attempt, Limits, machine, refuse_memory, refuse_time
from espnet_bljust.planning.plan_report import Amount, Sizes, amount_of, far_from_peers, passes, report
from espnet_bljust.planning.set_aside import set_aside
from espnet_bljust.planning.settings import settled
from espnet_bljust.planning.speed import training_seconds
from espnet_bljust.planning.unfit import LIST, Unfit, find_unfit, refuse, require_targets, write_list
from espnet_bljust.progress import duration
from espnet_bljust.training.configuration import TrainingSettings
from espnet_bljust.training.phase_dropouts import phase_dropouts
from espnet_bljust.training.surroundings import Surroundings
from espnet_bljust.weights.starting_point import starting_point


class Configuration(NamedTuple):
    """What is to be trained, and how."""

    size_config: Path  # conf/size/<size>.yaml
    config: Path  # conf/train_*.yaml
    changes: Sequence[str] = ()  # of single keys, key=value
    method: str = "bljust"
    task: str = "recognition"  # or classification
    seed: int = 0
    init_from: str = ""  # weights to start from: a file, or a Hugging Face directory
    skip_broken: bool = False  # utterances that cannot be trained on leave the sets (set_aside.py)
    limits: Limits = Limits()  # of memory and time


def prepare(
    configuration: Configuration, data: Data, exp_dir: Path, *, num_gpus: int = 0, dry_run: bool = False
) -> str:
    """Write the three files of ``exp_dir``, or nothing in a dry run; what is to be said of the training.

    num_gpus: that the training will have, for the estimates of time and memory.
    """
    size_config, config, changes, method, task, seed, init_from, skip_broken, limits = configuration
    written, plan = settled(size_config, config, changes=changes, method=method, task=task)
    written |= {"seed": seed, **data.settings(may_be_absent=dry_run)} | ({"init_from": init_from} if init_from else {})
    settings = TrainingSettings(written)
    Surroundings.of(settings.augment, seed)  # refuses what cannot be read
    note = ""
    if not dry_run or all(path.exists() for path in (data.token_list, *data.tables)):
        unfit = find_unfit(settings.network, settings.drawing, data)
        data = check_utterances(settings, plan, data, unfit, exp_dir, skip=skip_broken, dry_run=dry_run)
        note = unfit.note(None if dry_run else exp_dir / LIST)
        written |= data.settings(may_be_absent=dry_run)
    audio = {name: amount_of(folder / "utt2num_samples", dry_run) for name, folder in data.folders.items()}
    check_network(settings)
    text = report(plan, settings, Sizes.of(settings.network.shape), audio, num_gpus or 1) + f"\n{note}.\n" * bool(note)
    attempt = Attempt(size_config, config, changes, method, task, written["token_list"])
    time, problem = within(limits, attempt, audio, num_gpus)
    if dry_run:
        return f"{text}Time of stages 8 to 10, roughly: {time}." + (
            f"\nStage 7 will stop. {problem}" if problem else "")
    if problem:
        raise InputError(problem)
    exp_dir.mkdir(parents=True, exist_ok=True)
    if num_lines(data.pool_dir / "utt2num_samples") >= settings.run.unlabelled_shards_from:
        written["unlabelled_index"] = str(exp_dir / "pool.index")
        write_index(data.pool_dir, exp_dir / "pool.index")
    contents = {**plan.as_dict(), "passes": passes(plan, settings.optimisation, audio)}
    write_atomic(exp_dir / "plan.json", json.dumps(contents, indent=1) + "\n")
    write_atomic(exp_dir / "stats.md", text)
    write_atomic(exp_dir / "train.yaml", as_yaml(written))
    return (f"{exp_dir}/train.yaml: {plan.num_steps} steps in {len(plan.segments)} segments, "
            f"{audio['labelled'].hours:.2f} h labelled, {audio['pool'].hours:.2f} h in the pool; "
            f"training will take about {time}"
            + "".join(f"; {each}" for each in (note, *far_from_peers(contents["passes"], audio)) if each))


def within(
    limits: Limits, attempt: Attempt, audio: dict[str, Amount | None], num_gpus: int
) -> tuple[str, str]:
    """The time of the training in words, and what does not fit the machine or the days, or nothing."""
    settings, plan = attempt.build()
    where = machine(limits, settings, num_gpus)
    longest = [(audio[kind] or Amount(0)).longest_seconds for kind in ("labelled", "pool")]
    seconds = None
    if where.rates:
        valid_seconds = 3600 * audio["valid"].hours if audio["valid"] else 0
        seconds = training_seconds(plan, settings, where.rates, valid_seconds, num_gpus)
    time = duration(seconds) if seconds is not None else "a time that cannot be measured here: --gpu names the GPU"
    try:
        refuse_memory(attempt, where, longest, num_gpus)
        if seconds is not None:
            refuse_time(attempt, seconds, limits.max_days)
    except InputError as error:
        return time, str(error)
    return time, ""


def check_utterances(
    settings: TrainingSettings, plan: Plan, data: Data, unfit: Unfit, exp_dir: Path, *, skip: bool, dry_run: bool
) -> Data:
    """List what cannot be trained on, and refuse it or, with ``skip``, set it aside; the sets.

    A dry run writes nothing, and so does not set aside either.
    """
    if plan.consumed(plan.num_steps)[1]:
        require_targets(unfit, data.pool_dir)
    path = exp_dir / LIST
    if not dry_run:
        write_list(unfit, path)
    if not skip:
        refuse(unfit, settings.network.shape.head.kind == "mean", data.train_dir if dry_run else path)
    elif not dry_run:
        data = set_aside(data, unfit, exp_dir)
    return data


def check_network(settings: TrainingSettings) -> None:
    """What is frozen or drops out is there, and what it starts from fits."""
    shape = settings.network.shape
    check_frozen(settings.optimisation.freeze_param, shape.parameters())
    phase_dropouts(settings.dropouts, shape.trunk)
    if settings.init_from:
        print(starting_point(Path(settings.init_from), shape, settings.network.tokens).line)
