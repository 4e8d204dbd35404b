"""The files of an exported model: Hugging Face's directory, torchaudio's and fairseq's checkpoints.

Each also holds our token list, so that `--init_from` knows whether a CTC head has the tokens of the training.
"""

import json
import shutil
from pathlib import Path

from safetensors.torch import save_file

from espnet_bljust.data.text.huggingface_tokens import tokenizer_files
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.errors import InputError
from espnet_bljust.network.convert import fairseq, huggingface, torchaudio
from espnet_bljust.publishing.experiment import Experiment
from espnet_bljust.units import SAMPLE_RATE
from espnet_bljust.weights.checkpoint import save_atomically

FEATURE_EXTRACTOR = {  # padding never counts
    "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1, "sampling_rate": SAMPLE_RATE,
    "return_attention_mask": True, "padding_side": "right", "padding_value": 0.0,
}


def write_huggingface(experiment: Experiment, out: Path, head: str) -> list[str]:
    """A directory for from_pretrained; gives the names that were left out."""
    if out.exists() and not (out / "config.json").is_file():
        raise InputError(f"{out}: exists and is no Hugging Face directory. Remove it, or name another --out.")
    settings, (trunk, ssl, vocabulary, _) = experiment.settings, experiment.shape
    tokens = settings.network.tokens
    renamed = huggingface.to_huggingface(experiment.state, head)
    files = {
        "config.json": huggingface.config(trunk, ssl, num_negatives=settings.masking.num_negatives,
                                          vocabulary=vocabulary, head=head),
        "preprocessor_config.json": {**FEATURE_EXTRACTOR, "do_normalize": trunk.normalize},
        **tokenizer_files(settings.network.token_type, tokens, settings.network.bpe_model),
    }
    part = out.with_name(out.name + ".tmp")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, content in files.items():
        write_atomic(part / name, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_atomic(part / "tokens.txt", "".join(token + "\n" for token in tokens))
    tensors = {name: value.contiguous() for name, value in renamed.state.items()}
    save_file(tensors, part / "model.safetensors", metadata={"format": "pt"})
    if out.exists():
        shutil.rmtree(out)
    part.replace(out)
    return renamed.left_out


def write_torchaudio(experiment: Experiment, out: Path, head: str) -> list[str]:
    """A state dict, and beside it as .json the arguments of torchaudio.models.wav2vec2_model."""
    renamed = torchaudio.to_torchaudio(experiment.state)
    vocabulary, left_out = experiment.shape.vocabulary, renamed.left_out
    if head == "pretraining":
        vocabulary, aux = None, [name for name in renamed.state if name.startswith("aux.")]
        left_out = [*left_out, *aux]
        renamed = renamed._replace(state={name: renamed.state[name] for name in renamed.state if name not in aux})
    save_atomically(renamed.state, out)
    content = {"arguments": torchaudio.arguments(experiment.shape.trunk, vocabulary), "sample_rate": SAMPLE_RATE,
               "normalize": experiment.shape.trunk.normalize,
               "tokens": experiment.settings.network.tokens}
    write_atomic(out.with_suffix(".json"), json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return left_out


def write_fairseq(experiment: Experiment, out: Path, head: str) -> list[str]:
    """A checkpoint with fairseq's keys (cfg, model) and s3prl's (task_cfg, model_cfg, model_weight) for the same."""
    trunk, ssl, *_ = experiment.shape
    renamed = fairseq.to_fairseq(experiment.state, trunk, head)
    cfg = fairseq.config(trunk, ssl, experiment.settings.masking.num_negatives, head)
    content = {"args": None, "cfg": cfg, "model": renamed.state, "tokens": experiment.settings.network.tokens}
    if head == "pretraining":
        content |= {"task_cfg": cfg["task"], "model_cfg": cfg["model"], "model_weight": renamed.state}
    save_atomically(content, out)
    return renamed.left_out
