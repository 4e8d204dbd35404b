"""What is published of an experiment: its settings and one file of its weights."""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import CPCConfig, SSLConfig, TrunkConfig
from espnet_bljust.network.convert.fit import Shape, fit
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.systems import trunk_name
from espnet_bljust.training.configuration import TrainingSettings
from espnet_bljust.weights.own_files import read_own


class Experiment(NamedTuple):
    """All that an export needs."""

    settings: TrainingSettings
    shape: Shape
    state: dict[str, Tensor]  # names of JointNetwork

    @property
    def elsewhere(self) -> bool:
        """Whether other libraries have such a network: a wav2vec 2.0 trunk under plain CTC."""
        return isinstance(self.shape.trunk, TrunkConfig) and self.shape.head == HeadConfig()

    @classmethod
    def read(cls, exp_dir: Path, model: Path) -> "Experiment":
        """Strict: the weights are the whole network of train.yaml and nothing else."""
        config = exp_dir / "train.yaml"
        for path, remedy in ((config, "Name an experiment directory, exp/<tag>"),
                             (model, "Run stage 11 first: it averages the best checkpoints")):
            if not path.is_file():
                raise InputError(f"{path}: not found. {remedy}.")
        settings = TrainingSettings.read(config)
        shape = settings.network.shape
        fitted = fit(read_own(model), shape, options={}, where=str(model))
        if fitted.fresh:
            raise InputError(f"{model}: without {', '.join(fitted.fresh)}. Use weights that this experiment trained.")
        return cls(settings, shape, fitted.state)


def of_wav2vec2(experiment: Experiment, form: str, head: str = "ctc") -> Experiment:
    """The experiment as other libraries know such networks; an InputError where they know none."""
    trunk, ssl, _, kind = experiment.shape
    if not experiment.elsewhere:
        part = (f"head {kind.kind}, layer_norm {kind.layer_norm}" if isinstance(trunk, TrunkConfig) else
                f"trunk {trunk_name(trunk)}")
        raise InputError(f"{form}: has no form for the {part}. Take the zip of stage 14 (--to espnet): this package's "
                         "recognise and decode load it.")
    if not isinstance(ssl, CPCConfig):
        return experiment
    if head == "pretraining":
        raise InputError(f"{form}: has no form for the objective cpc. Write --head ctc.")
    state = {name: value for name, value in experiment.state.items() if not name.startswith("ssl_head.")}
    return experiment._replace(shape=experiment.shape._replace(ssl=SSLConfig()), state=state)
