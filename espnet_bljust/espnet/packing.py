"""A pack for the ESPnet model zoo that stock ESPnet loads: a configuration of stock classes, and renamed weights.

The exact route is `encoder: torchaudiohubert`, whose trunk is torchaudio's Wav2Vec2Model: ours has its names.
Stock ESPnet loads with strict=False, so a wrong name would pass silently; the names are checked here.
A trunk that stock ESPnet does not have goes into a zip of the same outer form, which this package alone loads.
"""

from pathlib import Path

import torch
import yaml
from espnet2.main_funcs.pack_funcs import pack

from espnet_bljust.espnet.checkpoint import save_atomically
from espnet_bljust.espnet.weights import Experiment, of_wav2vec2
from espnet_bljust.network.config import TrunkConfig
from espnet_bljust.network.convert.stock_espnet import OF_HUBERT, encoder_conf, to_espnet

# What describes a network of this package.
OWN_KEYS = ("trunk", "trunk_conf", "objective", "ssl_conf", "cpc_conf", "token_list", "token_type", "bpemodel")


def export_config(settings: dict, bpe_model: str | None) -> dict:
    """A configuration that names stock classes only and no path but the pack's own."""
    trunk = TrunkConfig.from_dict(settings["trunk_conf"])
    return {
        "token_list": settings["token_list"], "token_type": settings["token_type"], "bpemodel": bpe_model,
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


def check_names(config: dict, state: dict[str, torch.Tensor]) -> None:
    """Build the stock model and compare names and shapes; its own left-overs of pre-training are allowed."""
    from argparse import Namespace

    from espnet2.tasks.asr import ASRTask

    stock = ASRTask.build_model(Namespace(**config)).state_dict()
    allowed = tuple(prefix for prefix, _ in OF_HUBERT)
    missing = [name for name in stock if name not in state and not name.startswith(allowed)]
    unexpected = [name for name in state if name not in stock or stock[name].shape != state[name].shape]
    assert not missing and not unexpected, f"does not fit stock ESPnet: missing {missing}, unexpected {unexpected}"


def write_pack(exp_dir: Path, model: Path, out: Path, options: list[Path]) -> str:
    """Write ``out`` (.zip) from the weights ``model``; ``options`` are further files such as RESULTS.md.

    Says who loads it.
    """
    experiment = Experiment.read(exp_dir, model)
    settings = experiment.settings
    folder = exp_dir / "pack"
    folder.mkdir(exist_ok=True)
    bpe_model = settings["bpemodel"]
    stock = isinstance(experiment.shape.trunk, TrunkConfig)
    if stock:
        state = to_espnet(of_wav2vec2(experiment, "espnet").state).state
        config = export_config(settings, bpe_model)
        check_names(config, state)
    else:
        state, config = experiment.state, {key: settings[key] for key in OWN_KEYS if key in settings}
    save_atomically(state, folder / "model.pth")
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    temporary = out.with_name("tmp_" + out.name)  # the suffix chooses the archive's format
    pack(files={"asr_model_file": folder / "model.pth"}, yaml_files={"asr_train_config": folder / "config.yaml"},
         outpath=temporary, option=[*options, *([Path(bpe_model)] if bpe_model else [])])
    temporary.replace(out)
    return "Speech2Text.from_pretrained" if stock else "espnet_bljust.bin.recognise --model (not with stock ESPnet)"
