"""All that a training configuration may hold, the keys at its top and the groups below `*_conf`; and one as it is read.

ESPnet's parser takes a hundred more; one that changes nothing is refused here. Where ESPnet has a key of that name
too, this default is the one in force (espnet/arguments.py).
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from espnet_bljust.bilevel.plan_options import PlanOptions
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.errors import InputError
from espnet_bljust.keys import Group, default_of, key, key_of, refuse_unknown
from espnet_bljust.network.config import CPCConfig, SSLConfig
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.systems import OBJECTIVES, TRUNKS
from espnet_bljust.training.augment import AugmentConfig
from espnet_bljust.training.masks import Drawing, MaskingConfig
from espnet_bljust.training.optimizer_options import OPTIMIZERS, check_options
from espnet_bljust.training.phase_dropouts import PhaseDropouts
from espnet_bljust.weights.own_files import NetworkSettings

MOST_STEPS_UNSEEN = 100  # between rows of history.jsonl: with more, an alarm would come after step 200


@dataclass(frozen=True)
class System(Group):
    """What is trained (docs/systems.md)."""

    trunk: str = key("wav2vec2", "what trunk_conf describes", choices=tuple(TRUNKS))
    objective: str = key("wav2vec2", "the self-supervised loss", choices=tuple(OBJECTIVES))


@dataclass(frozen=True, kw_only=True)
class Optimisation(Group):
    """An optimizer step; learning rates stand in plan_conf."""

    optim: str = key("adadelta", "optimizer; the default is ESPnet's", choices=tuple(OPTIMIZERS), example="adamw")
    optim_conf: dict = key({}, "options of the optimizer, weight_decay for one; no lr", example={"weight_decay": 0.01})
    batch_seconds: float = key(MISSING, "labelled audio of a micro-batch", unit="seconds", above=0, example=30)
    unlabelled_batch_seconds: float = key(MISSING, "pool audio of a micro-batch", unit="seconds", above=0, example=30)
    accum_grad: int = key(1, "micro-batches of an optimizer step", least=1, in_train_yaml=True)
    grad_clip: float = key(5.0, "norm to which each role's gradient is cut", above=0, most=math.inf)
    freeze_param: tuple[str, ...] = key((), "beginnings of the names of parameters that stay as they are")
    train_dtype: str = key("float32", "of weights; use_amp is for products", choices=("float32", "float64"))
    use_amp: bool = key(False, "the forward pass in bfloat16 where that is faster")

    def check(self) -> None:
        check_options(self.optim, self.optim_conf)

    @property
    def update_seconds(self) -> tuple[float, float]:
        """Of labelled and of pool audio in an update that has them, all processes together."""
        return self.accum_grad * self.batch_seconds, self.accum_grad * self.unlabelled_batch_seconds


@dataclass(frozen=True, kw_only=True)
class Run(Group):
    """Evaluation, records, and what is kept."""

    steps_per_epoch: int = key(MISSING, "between evaluations", unit="optimizer steps", least=1, example=500)
    log_interval: int = key(10, "between rows of history.jsonl, with which alarms come", unit="optimizer steps",
                            least=1, most=MOST_STEPS_UNSEEN, in_train_yaml=True)
    keep_nbest_models: int = key(5, "best and newest epochs whose weights stay on disk", least=1, in_train_yaml=True)
    keep_updates: tuple[int, ...] = key((), "optimizer steps whose weights stay besides (50000updates.pth)",
                                        least=1, in_train_yaml=True, example=(50000,))
    log_level: str = key("WARNING", "of ESPnet; the trainer's own lines are always there", in_train_yaml=True,
                         choices=("ERROR", "WARNING", "INFO", "DEBUG", "NOTSET"))
    num_att_plot: int = key(0, "a network without a decoder has no attention to plot", least=0, in_train_yaml=True)
    unlabelled_shards_from: int = key(2_000_000, "from which on a pool is read in shards (docs/scale.md)",
                                      unit="utterances", least=0, in_train_yaml=True)
    save_interval_minutes: float = key(
        30.0, "between checkpoints, beside those of the evaluations; 0: no others", unit="minutes", least=0)
    ema_decay: float = key(
        0.0, "of a running average of the weights, validated and kept in their place; 0: none", least=0, below=1)
    take_off: str = key("watch", "retry: a phase in which CTC learns nothing begins anew (docs/method.md)",
                        choices=("watch", "retry"))
    take_off_steps: int = key(500, "after the warm-up, in which CTC is to fall below that", least=1,
                              unit="optimizer steps")
    stop_on_alarm: bool = key(False, "the first alarm ends the run: loss at chance, codebook collapsed, not finite")
    cudnn_enabled: bool = key(True, "torch.backends.cudnn.enabled")
    cudnn_benchmark: bool = key(False, "torch.backends.cudnn.benchmark")
    cudnn_deterministic: bool = key(True, "torch.backends.cudnn.deterministic")
    use_tf32: bool = key(False, "float32 products in TF32 on GPUs that have it")
    detect_anomaly: bool = key(False, "torch.autograd.set_detect_anomaly: slow, for a search of errors")


TOP: tuple[type[Group], ...] = (System, Optimisation, Run)
CONFS: dict[str, Mapping[str, type[Group]]] = {  # by the value of a key at the top, where there are several
    "plan_conf": {"": PlanOptions}, "trunk_conf": TRUNKS, "ssl_conf": {"": SSLConfig}, "cpc_conf": {"": CPCConfig},
    "head_conf": {"": HeadConfig}, "masking_conf": {"": MaskingConfig},
    "augment_conf": {"": AugmentConfig}, "dropout_conf": {"": PhaseDropouts},
}


def top_keys() -> list[Field]:
    """The keys outside `*_conf`."""
    return [each for group in TOP for each in fields(group)]


def written_defaults() -> dict:
    """What train.yaml says of keys that nobody set, in its order."""
    return {each.name: default_of(each) for each in top_keys() if key_of(each).in_train_yaml}


def check(settings: Mapping, where: str) -> None:
    """What training reads is there, of its type and in its range, and nothing else is; else InputError."""
    refuse_unknown(settings, [*(each.name for each in top_keys()), *CONFS], where, "training does not read")
    for group in TOP:
        group.among(settings, where)
    for name, kinds in CONFS.items():
        given = settings.get(name, {})
        if not isinstance(given, Mapping):
            raise InputError(f"{where}: {name} is {given!r}, not keys with values. Write them below {name}.")
        kind = kinds.get(settings.get(name.removesuffix("_conf")), next(iter(kinds.values())))
        kind.from_dict(given, f"{where}: {kind.conf}")


class TrainingSettings:
    """A train.yaml. A part is checked when it is asked for, so that what an earlier version wrote serves where it can.

    ``written``: its keys as they stand in it, for what is copied or shown.
    """

    def __init__(self, written: Mapping[str, Any], where: Path | str = "train.yaml") -> None:
        self.written, self.where = written, where

    @classmethod
    def read(cls, path: Path) -> Self:
        """The file."""
        return cls(read_yaml_keys(path), path)

    @cached_property
    def network(self) -> NetworkSettings:
        """Trunk, both heads and tokens."""
        return NetworkSettings.of(self.written, self.where)

    @cached_property
    def plan(self) -> PlanOptions:
        """Phases, gamma and learning rates."""
        return self._conf(PlanOptions)

    @cached_property
    def masking(self) -> MaskingConfig:
        """Span masks and negatives."""
        return self._conf(MaskingConfig)

    @cached_property
    def augment(self) -> AugmentConfig:
        """What else is hidden of labelled audio."""
        return self._conf(AugmentConfig)

    @cached_property
    def dropouts(self) -> PhaseDropouts:
        """Those of a phase that differ from the trunk's."""
        return self._conf(PhaseDropouts)

    @cached_property
    def optimisation(self) -> Optimisation:
        """What an optimizer step is made of."""
        return Optimisation.among(self.written)

    @cached_property
    def run(self) -> Run:
        """Evaluation, records, and what is kept."""
        return Run.among(self.written)

    @property
    def drawing(self) -> Drawing:
        """How the run draws masks; without a seed that of 0."""
        return Drawing.of(self.network.shape, self.masking, self.augment, self.written.get("seed", 0))

    @property
    def init_from(self) -> str:
        """Weights that it starts from; empty: none."""
        return self.written.get("init_from") or ""

    def num_samples_file(self, data: str) -> Path:
        """utt2num_samples of ``data``: train, unlabelled (the pool) or valid."""
        return Path(self.written[f"{data}_shape_file"][0])

    def _conf[Kind: Group](self, kind: type[Kind]) -> Kind:
        return kind.from_dict(self.written.get(kind.conf) or {})
