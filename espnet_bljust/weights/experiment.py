"""What an experiment has learned: its settings, the shape of its network and one file of its weights."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.errors import InputError
from espnet_bljust.network.config import CPCConfig, SSLConfig, TrunkConfig
from espnet_bljust.network.convert.fit import Shape, fit, parameters_of, refuse_odd_tensors
from espnet_bljust.network.head_config import HeadConfig
from espnet_bljust.network.joint import JointNetwork
from espnet_bljust.network.systems import read_configs
from espnet_bljust.weights.checkpoint import load, own_names
from espnet_bljust.weights.foreign_files import refuse_compressed


class Experiment(NamedTuple):
    """All that an export needs."""

    settings: dict  # train.yaml
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
        settings = read_yaml_keys(config)
        shape = shape_of(settings, config)
        fitted = fit(read_own(model), shape, options={}, where=str(model))
        if fitted.fresh:
            raise InputError(f"{model}: without {', '.join(fitted.fresh)}. Use weights that this experiment trained.")
        return cls(settings, shape, fitted.state)


def of_wav2vec2(experiment: Experiment, form: str, head: str = "ctc") -> Experiment:
    """The experiment as other libraries know such networks; an InputError where they know none."""
    trunk, ssl, _, kind = experiment.shape
    if not experiment.elsewhere:
        part = (f"head {kind.kind}, layer_norm {kind.layer_norm}" if isinstance(trunk, TrunkConfig) else
                f"trunk {experiment.settings['trunk']}")
        raise InputError(f"{form}: has no form for the {part}. Take the zip of stage 14 (--to espnet): this package's "
                         "recognise and decode load it.")
    if not isinstance(ssl, CPCConfig):
        return experiment
    if head == "pretraining":
        raise InputError(f"{form}: has no form for the objective cpc. Write --head ctc.")
    state = {name: value for name, value in experiment.state.items() if not name.startswith("ssl_head.")}
    return experiment._replace(shape=experiment.shape._replace(ssl=SSLConfig()), state=state)


def read_own(path: Path) -> dict[str, Tensor]:
    """Weights of this package in ``path`` under the names of JointNetwork."""
    return own_names(read_named(path), str(path))


def read_named(path: Path) -> Mapping[str, Tensor]:
    """Tensors by name, of a file of weights or of a checkpoint."""
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_compressed(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not readable as weights ({error}). Restore a copy.") from None
    content = load(path)
    state = content.get("model", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not all(
            isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()):
        raise InputError(f"{path}: holds no named tensors. Name a file of weights, such as exp/<tag>/average.pth.")
    return state


def shape_of(settings: dict, where: Path | str = "train.yaml") -> Shape:
    """Of train.yaml's settings; ``where``: for the error."""
    tokens = settings.get("token_list")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise InputError(f"{where}: token_list is no list of tokens. Restore the file by stage 7.")
    try:
        return Shape(*read_configs(settings), len(tokens), HeadConfig.from_dict(settings.get("head_conf") or {}))
    except (AttributeError, TypeError) as error:  # a word or list in the place of keys with values
        raise InputError(f"{where}: no settings of a network ({error}). Restore the file by stage 7.") from None


def build(shape: Shape, state: Mapping[str, Tensor], where: str, fresh: tuple[str, ...] = ()) -> JointNetwork:
    """The network with these weights, strictly; nothing of its size is made before all names and shapes agree.

    What begins with one of ``fresh`` is left as it is initialised.
    """
    refuse_odd_tensors(state, where)
    due = {name: tuple(value.shape) for name, value in parameters_of(shape, state, where).items()
           if not name.startswith(fresh)}
    held = {name: tuple(value.shape) for name, value in state.items()}
    odd = sorted(name for name in due.keys() | held.keys() if due.get(name) != held.get(name))
    if odd:
        there, here = (shapes.get(odd[0], "nothing") for shapes in (held, due))
        raise InputError(f"{where}: weights and configuration differ, {len(odd)} names or shapes ({odd[0]}: {there} in "
                         f"the file, {here} by the configuration). Use weights and configuration of one network.")
    network = JointNetwork(*shape)
    network.load_state_dict(state, strict=not fresh)
    return network
