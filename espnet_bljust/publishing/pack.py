"""A pack for the ESPnet model zoo that stock ESPnet loads: a configuration of stock classes, and renamed weights.

The exact route is `encoder: torchaudiohubert`, whose trunk is torchaudio's Wav2Vec2Model: ours has its names.
Stock ESPnet loads with strict=False, so a wrong name would pass silently; the names are checked here.
A trunk or head that stock ESPnet does not have goes into a pack of the same outer form, which this package alone loads.

ESPnet's own writer puts the time, and absolute paths of what lies outside the working folder, into the archive. Ours
gives every file a name of its own and no time: the same model makes the same bytes on every machine.
"""

import zipfile
from pathlib import Path

from espnet_bljust.data.text.tokens import read_bpe_model
from espnet_bljust.disk.files import fresh_dir, swap_dir, temporary_dir, write_atomic
from espnet_bljust.disk.yaml_core import as_yaml
from espnet_bljust.espnet.stock import check_names
from espnet_bljust.network.convert.stock_espnet import encoder_conf, to_espnet
from espnet_bljust.network.systems import trunk_name
from espnet_bljust.publishing.experiment import Experiment, of_wav2vec2
from espnet_bljust.weights.checkpoint import save_atomically
from espnet_bljust.weights.own_files import NetworkSettings

# What describes a network of this package.
OWN_KEYS = ("trunk_conf", "objective", "ssl_conf", "cpc_conf", "head_conf", "token_list", "token_type")
CONFIG, WEIGHTS = "exp/config.yaml", "exp/model.pth"
BPE_MODEL = "exp/bpe.model"  # ESPnet takes a value for a file of the pack only if a folder stands in it
EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip can say


def export_config(settings: NetworkSettings, bpe_model: str | None) -> dict:
    """A configuration that names stock classes only and no path but the pack's own."""
    trunk = settings.shape.trunk
    return {
        "token_list": settings.tokens, "token_type": settings.token_type, "bpemodel": bpe_model,
        "use_preprocessor": True, "cleaner": None, "g2p": None, "init": None, "input_size": 1,
        "frontend": None, "frontend_conf": {}, "specaug": None, "specaug_conf": {},
        "normalize": "utterance_mvn" if trunk.normalize else None,
        "normalize_conf": {"norm_means": True, "norm_vars": True} if trunk.normalize else {}, "model": "espnet",
        "preencoder": None, "preencoder_conf": {}, "postencoder": None, "postencoder_conf": {}, "decoder": None,
        "decoder_conf": {}, "ctc_conf": {"dropout_rate": 0.0},
        "model_conf": {"ctc_weight": 1.0, "extract_feats_in_collect_stats": False},
        "encoder": "torchaudiohubert",
        "encoder_conf": encoder_conf(trunk),
    }


def write_pack(experiment: Experiment, folder: Path, documents: dict[str, str]) -> None:
    """Fill ``folder`` with the files of the pack; ``documents``: further texts by their names in it."""
    settings, part = experiment.settings.network, fresh_dir(temporary_dir(folder))
    (part / "exp").mkdir()
    bpe_model = BPE_MODEL if settings.bpe_model else None
    if bpe_model:
        (part / bpe_model).write_bytes(read_bpe_model(settings.bpe_model))
    if experiment.elsewhere:
        state, config = to_espnet(of_wav2vec2(experiment, "espnet").state).state, export_config(settings, bpe_model)
        check_names(config, state)
    else:
        state, written = experiment.state, experiment.settings.written
        config = {"trunk": trunk_name(settings.shape.trunk),  # the key by which such packs are known
                  **{key: written[key] for key in OWN_KEYS if key in written}, "bpemodel": bpe_model}
    save_atomically(state, part / WEIGHTS)
    contents = {"files": {"asr_model_file": WEIGHTS}, "yaml_files": {"asr_train_config": CONFIG}}
    for name, content in ((CONFIG, config), ("meta.yaml", contents)):
        write_atomic(part / name, as_yaml(content))
    for name, text in documents.items():
        write_atomic(part / name, text)
    swap_dir(part, folder)


def write_zip(folder: Path, out: Path) -> None:
    """The files of ``folder``, by name, without times, owners or compression (weights do not shrink)."""
    temporary = out.with_name(out.name + ".tmp")
    with zipfile.ZipFile(temporary, "w") as archive:
        for path in sorted(file for file in folder.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EARLIEST)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as target:
                while block := source.read(2**20):
                    target.write(block)
    temporary.replace(out)
