"""Stage 7: the configurations merged and checked against the data; train.yaml, plan.json and stats.md."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.bilevel.plan import Plan
from espnet_bljust.data.feeding.pool_index import ROWS_AT_ONCE, num_lines, write_index
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.yaml_core import as_yaml
from espnet_bljust.planning.checks import check_frozen
from espnet_bljust.planning.data_settings import Data
from espnet_bljust.planning.plan_report import Amount, Sizes, amount_of, passes, report
from espnet_bljust.planning.set_aside import set_aside
from espnet_bljust.planning.settings import settled
from espnet_bljust.planning.speed import measure, training_seconds
from espnet_bljust.planning.unfit import LIST, Unfit, find_unfit, refuse, require_targets, write_list
from espnet_bljust.progress import duration
from espnet_bljust.training.configuration import TrainingSettings
from espnet_bljust.training.phase_dropouts import phase_dropouts
from espnet_bljust.training.surroundings import Surroundings
from espnet_bljust.units import SAMPLE_RATE
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


def prepare(
    configuration: Configuration, data: Data, exp_dir: Path, *, num_gpus: int = 0, dry_run: bool = False
) -> str:
    """Write the three files of ``exp_dir``, or nothing in a dry run; what is to be said of the training.

    num_gpus: that the training will have, for the estimates of time and memory.
    """
    size_config, config, changes, method, task, seed, init_from, skip_broken = configuration
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
    said = f"\n{note}.\n" if note else ""
    audio = {name: amount_of(folder / "utt2num_samples", dry_run)
             for name, folder in (("labelled", data.train_dir), ("valid", data.valid_dir))}
    if not dry_run and num_lines(data.pool_dir / "utt2num_samples") >= settings.run.unlabelled_shards_from:
        written["unlabelled_index"] = str(exp_dir / "pool.index")
        audio["pool"] = indexed(data.pool_dir, exp_dir / "pool.index")
    else:
        audio["pool"] = amount_of(data.pool_dir / "utt2num_samples", dry_run)
    check_network(settings)
    text = report(plan, settings, Sizes.of(settings.network.shape), audio, max(1, num_gpus))
    valid_seconds = 3600 * audio["valid"].hours if audio["valid"] else 0
    seconds = training_seconds(plan, settings, measure(settings, num_gpus), valid_seconds, num_gpus)
    if dry_run:
        return f"{text}{said}Time of stages 8 to 10 on this machine, roughly: {duration(seconds)}."
    exp_dir.mkdir(parents=True, exist_ok=True)
    contents = {**plan.as_dict(), "passes": passes(plan, settings.optimisation, audio)}
    write_atomic(exp_dir / "plan.json", json.dumps(contents, indent=1) + "\n")
    write_atomic(exp_dir / "stats.md", text + said)
    write_atomic(exp_dir / "train.yaml", as_yaml(written))
    return (f"{exp_dir}/train.yaml: {plan.num_steps} steps in {len(plan.segments)} segments, "
            f"{audio['labelled'].hours:.2f} h labelled, {audio['pool'].hours:.2f} h in the pool; "
            f"training will take about {duration(seconds)}" + (f"; {note}" if note else ""))


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


def indexed(pool_dir: Path, index_file: Path) -> Amount:
    """Write the index by which a large pool is read in shards; its audio."""
    index_file.parent.mkdir(parents=True, exist_ok=True)
    index = write_index(pool_dir, index_file)
    return Amount(int(index.sums(ROWS_AT_ONCE).sum()) / SAMPLE_RATE / 3600, len(index))
