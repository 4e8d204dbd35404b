"""README.md of a published model: conf/model_card.md filled with what the experiment and the recipe say.

Nothing of the machine enters: paths in options become `<path>`, and what the training configuration says of
files stays out. `check_private` looks over the finished texts once more.
"""

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

from huggingface_hub import EvalResult, ModelCardData

from espnet_bljust.data.text.language_code import base_language, is_language
from espnet_bljust.disk.yaml_core import as_yaml
from espnet_bljust.errors import InputError
from espnet_bljust.markdown import table
from espnet_bljust.network.systems import trunk_name
from espnet_bljust.planning.plan_report import amount_of
from espnet_bljust.publishing.about import About
from espnet_bljust.publishing.card_results import Measured, evaluations, results_table
from espnet_bljust.publishing.experiment import Experiment
from espnet_bljust.scoring.results import environment
from espnet_bljust.shell.options import read_script
from espnet_bljust.training.configuration import TrainingSettings

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "local" / "bljust.sh"
TASKS = {  # the hub's name, what it is, what it is for
    "ctc": ("automatic-speech-recognition", "Speech recognition with a CTC head.", "transcription"),
    "mean": ("audio-classification", "Classification of recordings: one class each.", "classification"),
}
FILES = ("_path_and_name_and_type", "_shape_file")  # endings of keys that name data
NOT_SHOWN = ("token_list", "bpemodel", "init_from", "log_level", "num_att_plot")
MADE_OF = ("Corpus", "Tokens", "Training")  # groups of options in local/bljust.sh that decide what a model is
LISTS = ("local_data_opts", "asr_args", "inference_args", "lm_train_text")  # options that hold several words


def card(experiment: Experiment, exp_dir: Path, about: About, weights: str) -> str:
    """The text; ``weights``: digest of the file that is published."""
    settings = experiment.settings
    task, purpose, use = TASKS[experiment.shape.head.kind]
    chosen = dict(word.partition("=")[::2] for word in about.options)
    corpora = list(about.corpora)
    count = sum(value.numel() for value in experiment.state.values())
    measured, name = Measured.read(exp_dir, settings.network.token_type, weights), exp_dir.resolve().name
    results = evaluations(measured, task, corpora, chosen.get("valid_set"))
    return _filled(
        about.template, front=_front(about, task, name, results),
        title=f"{name} ({', '.join(corpora)})", purpose=purpose, use=use,
        method=settings.plan.method, trunk=trunk_name(experiment.shape.trunk),
        parameters=f"{count / 1e6:.2f}", size=f"{count * 4 / 1e6:.1f}", usage=_usage(experiment),
        results=results_table(measured), data=_data(settings, corpora, chosen),
        command=_command(chosen), configuration=_configuration(settings.written), software=_software())


def _usage(experiment: Experiment) -> str:
    """How to load the model, in stock ESPnet where that has such a network."""
    name = "model_usage_espnet.md" if experiment.elsewhere else "model_usage_own.md"
    return (ROOT / "conf" / name).read_text(encoding="utf-8").rstrip()


def _filled(template: Path, **facts: str) -> str:
    try:
        return Template(template.read_text(encoding="utf-8")).substitute(facts)
    except (KeyError, ValueError) as error:
        raise InputError(f"{template}: {error} is no fact about a model. Write $$ for a dollar sign; the facts are "
                         f"{', '.join(facts)}.") from None


def _front(about: About, task: str, name: str, results: list[EvalResult]) -> str:
    """The YAML that the hub reads; https://huggingface.co/docs/hub/model-cards#model-card-metadata."""
    return ModelCardData(
        language=base_language(about.language) if is_language(about.language) else None, license=about.licence or None,
        library_name="espnet", pipeline_tag=task, tags=["espnet", "audio", task, "bl-just"],
        datasets=list(about.corpora),
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=name, eval_results=results or None,
    ).to_yaml()


def _data(settings: TrainingSettings, corpora: list[str], chosen: Mapping[str, str]) -> str:
    """Corpora and hours; hours of the pool that are labelled too count once."""
    sets = {"labelled": "train", "pool": "unlabelled", "dev": "valid"}
    audio = {name: amount_of(settings.num_samples_file(one), may_be_absent=True) for name, one in sets.items()}
    hours = {name: amount and amount.hours for name, amount in audio.items()}
    shared = hours["labelled"] if chosen.get("ssl_on_labelled") != "false" else 0.0
    if None not in (hours["pool"], shared):
        hours["unlabelled"] = max(0.0, hours["pool"] - shared)
    rows = [[name, "not known" if hours.get(name) is None else f"{hours[name]:.2f}"]
            for name in ("labelled", "unlabelled", "dev")]
    copies = chosen.get("speed_perturb_factors")
    start = "" if not settings.init_from else " Training began from weights that were trained before."
    return "\n".join([f"Corpora: {', '.join(corpora)}.{start}", "", *table(["speech", "hours"], rows)]
                     + ([f"\nHours count the copies at speeds {copies}."] if copies else []))


def _command(chosen: Mapping[str, str]) -> str:
    """The options that differ from the pipeline's own defaults, without paths of this machine."""
    known = read_script(str(PIPELINE))[0]
    words = [f"--{name} {shlex.quote(without_paths(name, value))}" for name, value in chosen.items()
             if name in known and known[name].group in MADE_OF and value != known[name].default]
    return " \\\n    ".join(["./run.sh", *words])


def without_paths(name: str, value: str) -> str:
    """The value of an option in which paths that are not the recipe's own are `<path>`."""
    if name not in LISTS:
        return re.sub(r"^(~|/|\.\./).*", "<path>", value)
    try:
        words = shlex.split(value)
    except ValueError:
        words = value.split()
    return " ".join(re.sub(r"(^|=)(~|/|\.\./).*", r"\1<path>", word) for word in words)


def _configuration(written: Mapping) -> str:
    shown = {key: value for key, value in written.items() if not key.endswith(FILES) and key not in NOT_SHOWN}
    return as_yaml(shown).rstrip()


def _software() -> str:
    return "\n".join(f"- {name.strip()}: `{value}`" for name, value in environment().items()
                     if value and "version" in name)


def check_private(texts: Iterable[tuple[str, str]], exp_dir: Path) -> None:
    """Refuse a text with a folder of this machine, or what looks like a token of the hub."""
    folders = {str(path) for path in (Path.home(), Path.cwd(), exp_dir.resolve()) if len(path.parts) > 1}
    token = os.environ.get("HF_TOKEN") or "hf_"
    for name, text in texts:
        if any(re.search(re.escape(folder) + r"(?![\w.-])", text) for folder in folders):
            raise InputError(f"{name}: names a folder of this machine. Give the option that brings it in as a path "
                             "below the recipe's folder, and run stage 14 again.")
        if re.search(r"\bhf_[A-Za-z0-9]{20,}", text) or (token != "hf_" and token in text):
            raise InputError(f"{name}: holds what looks like a token of Hugging Face. Take it out of the options, "
                             "revoke it (huggingface.co/settings/tokens), and run stage 14 again.")
