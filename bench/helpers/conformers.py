"""Conformers to be measured: passes over the same log-mel features, ours and ESPnet's of equal size; our whole step.

Sizes are read where the package lies, which PYTHONPATH may make another checkout.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from helpers.steps import training_step
from helpers.workload import TOKENS_PER_SECOND, VOCABULARY
from torch import Tensor

import espnet_bljust
from espnet_bljust.disk.settings_file import read_yaml_keys
from espnet_bljust.network.joint import JointBatch, JointNetwork
from espnet_bljust.network.log_mel_config import ConformerConfig
from espnet_bljust.network.packed.packing import Features
from espnet_bljust.network.systems import read_configs
from espnet_bljust.network.trunks.conformer import ConformerTrunk
from espnet_bljust.units import SAMPLE_RATE

SIZES = Path(espnet_bljust.__file__).parents[1] / "conf/size"


def settings_of(size: str) -> dict:
    """What a file of conf/size holds."""
    return read_yaml_keys(SIZES / f"{size}.yaml")


def config_of(size: str, **changes: float) -> ConformerConfig:
    """The trunk of a size."""
    return ConformerConfig.from_dict({**settings_of(size)["trunk_conf"], **changes})


def whole_step(size: str, samples: list[int]) -> Callable[[], None]:
    """Labelled noise of these lengths: features, trunk, CTC, backward, fused AdamW."""
    torch.manual_seed(0)
    network = JointNetwork(*read_configs(settings_of(size)), VOCABULARY).train()
    labels = [torch.randint(1, VOCABULARY, (TOKENS_PER_SECOND * count // SAMPLE_RATE // 2,)) for count in samples]
    batch = JointBatch(labelled=[torch.randn(count) for count in samples], labels=labels)
    used = [*network.trunk.parameters(), *network.ctc.parameters()]
    return training_step(lambda: network(batch).ctc_sum, used, network)


def ours(config: ConformerConfig, mels: list[Tensor], samples: list[int]) -> Callable[[], None]:
    """Subsampling and blocks over packed rows, forward and backward."""
    trunk, rows, mel_lengths = ConformerTrunk(config), torch.cat(mels), [len(mel) for mel in mels]
    lengths = [config.num_frames(count) for count in samples]

    def step() -> None:
        features = trunk.layer_norm(trunk.embed(rows, mel_lengths, lengths))
        trunk.encode(Features(features, features.square().mean(1), lengths)).square().mean().backward()
        trunk.zero_grad()

    return step


def espnets(config: ConformerConfig, mels: list[Tensor]) -> Callable[[], None]:
    """The same of ESPnet's encoder over padded features; its subsampling is dense."""
    from espnet2.asr.encoder.conformer_encoder import ConformerEncoder

    encoder = ConformerEncoder(
        config.num_mels, config.dim, config.num_heads, config.ffn_dim, config.num_layers, rel_pos_type="latest",
        macaron_style=True, cnn_module_kernel=config.kernel, dropout_rate=config.dropout,
        positional_dropout_rate=config.dropout, attention_dropout_rate=config.attention_dropout, use_flash_attn=False)
    padded = torch.nn.utils.rnn.pad_sequence(mels, batch_first=True)
    lengths = torch.tensor([len(mel) for mel in mels])

    def step() -> None:
        encoder(padded, lengths)[0].square().mean().backward()
        encoder.zero_grad()

    return step
