"""A small experiment with random weights, audio to compare on, and a process that cannot import this package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
import yaml

from espnet_bljust.data.text.token_list import BpeOptions, Symbols, write_bpe
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.joint import JointNetwork

TRUNK = {
    "conv_layers": [[16, 10, 5], [20, 3, 2], [16, 3, 2], [16, 3, 2], [16, 3, 2], [16, 2, 2], [24, 2, 2]],
    "dim": 36, "num_layers": 2, "num_heads": 3, "ffn_dim": 40, "pos_kernel": 16, "pos_groups": 4,
}
LARGE = {"extractor_norm": "layer", "conv_bias": True, "norm_first": True}
SSL = {"codes": 8, "latent_dim": 16, "final_dim": 12}
TOKENS = ["<blank>", "<unk>", "<space>", *"ABCDE", "<sos/eos>"]
SENTENCES = ["THE CAT SAT ON THE MAT", "HELLO WORLD HOW ARE YOU", "A BAD DAY IN THE WOOD", "SHE SELLS SEA SHELLS"] * 3
CORPORA = Path(os.environ.get("BLJUST_CORPORA", Path(__file__).parents[2].parent / "shared" / "corpora"))
BLOCKED = 'import json, sys\nsys.modules["espnet_bljust"] = None  # any import of it fails\n'


def make_experiment(exp_dir, token_type="char", **changes):
    """train.yaml and average.pth; gives the network."""
    exp_dir.mkdir(parents=True)
    tokens, bpe_model = TOKENS, None
    if token_type == "bpe":
        tokens, bpe_model = Symbols().around(write_bpe(SENTENCES, exp_dir, BpeOptions(nbpe=30))), exp_dir / "bpe.model"
    settings = {"trunk_conf": {**TRUNK, **changes}, "ssl_conf": SSL, "token_list": tokens, "token_type": token_type,
                "bpemodel": bpe_model and str(bpe_model)}
    (exp_dir / "train.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    torch.manual_seed(0)
    network = JointNetwork(TrunkConfig.from_dict(settings["trunk_conf"]), SSLConfig.from_dict(SSL), len(tokens))
    for parameter in network.parameters():  # norms and biases away from 1 and 0, so that each is seen
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=0.5, std=0.3)
    torch.nn.init.normal_(network.ctc.ctc_lo.weight)
    torch.save({f"network.{name}": value for name, value in network.state_dict().items()}, exp_dir / "average.pth")
    return network.eval()


def recordings(folder):
    """Generated audio, and three recordings of LibriSpeech where they lie beside the repository."""
    rng, paths = np.random.default_rng(0), []
    for index, samples in enumerate((16000, 24321)):
        paths.append(folder / f"noise{index}.wav")
        soundfile.write(paths[-1], 0.1 * rng.standard_normal(samples), 16000)
    return [str(path) for path in [*paths, *real_recordings()]]


def real_recordings():
    return sorted((CORPORA / "librispeech").rglob("*.flac"), key=lambda path: path.stat().st_size)[:3]


def elsewhere(program, *words, cwd):
    """The JSON that ``program`` prints last, in a process that cannot import this package."""
    command = [sys.executable, "-c", BLOCKED + program, *map(str, words)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
