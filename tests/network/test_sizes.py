"""The sizes in conf/size have the numbers of parameters that they claim, counted without the storage of one."""

from pathlib import Path

import pytest
import torch
import yaml

from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.heads.ssl_head import SelfSupervisedHead
from espnet_bljust.network.systems import build_head, build_trunk, read_configs
from espnet_bljust.network.trunks.trunk import Trunk

SIZES = Path(__file__).parents[2] / "conf" / "size"
TINY_CHANNELS = (64, 96, 128, 128, 128, 128, 128)
# A size in the words of Hugging Face's Wav2Vec2Config, whose defaults are base.
THEIRS = {
    "tiny": {"conv_dim": TINY_CHANNELS, "hidden_size": 144, "num_hidden_layers": 4, "num_attention_heads": 4,
             "intermediate_size": 576, "num_conv_pos_embeddings": 32, "num_conv_pos_embedding_groups": 8,
             "num_codevectors_per_group": 64, "codevector_dim": 64, "proj_codevector_dim": 64},
    "small": {"num_hidden_layers": 8, "intermediate_size": 1024},
    "medium": {"num_hidden_layers": 8},
    "base": {},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
              "feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True, "codevector_dim": 768,
              "proj_codevector_dim": 768},
}
BASE_EXTRACTOR, BASE_LAYER, BASE_REST = 4200448, 7087872, 5141408  # the rest with a CTC layer of 32 tokens
CTC_32 = (768 + 1) * 32


@pytest.mark.parametrize("name", THEIRS)
def test_every_part_of_a_size_has_the_parameters_of_hugging_faces_model(name):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: the extra `test`")
    with torch.device("meta"):
        theirs = transformers.Wav2Vec2ForPreTraining(transformers.Wav2Vec2Config(**THEIRS[name]))
    trunk, head = build(name)
    assert count(trunk) == count(theirs.wav2vec2)
    assert count(trunk.feature_extractor) == count(theirs.wav2vec2.feature_extractor)
    assert count(trunk) + count(head) == count(theirs)


@pytest.mark.parametrize("name", THEIRS)
def test_a_size_says_its_numbers_in_its_header(name):
    trunk, head = build(name)
    comment = (SIZES / f"{name}.yaml").read_text().split("trunk_conf:")[0]
    header = " ".join(line.lstrip("# ") for line in comment.splitlines())
    trainable = count(trunk) - count(trunk.feature_extractor)
    for sentence in (f"{count(trunk):,} parameters in the trunk", f"{trainable:,} of them trainable with the extractor",
                     f"{count(trunk) + count(head):,} with the self-supervised head"):
        assert sentence in header


@pytest.mark.parametrize("name", sorted(path.stem for path in SIZES.glob("*.yaml") if path.stem not in THEIRS))
def test_so_does_a_size_of_another_trunk(name):
    text = (SIZES / f"{name}.yaml").read_text()
    trunk, ssl = read_configs(yaml.safe_load(text))
    with torch.device("meta"):
        parts = build_trunk(trunk), build_head(trunk, ssl)
    for sentence in (f"{count(parts[0]):,} parameters in the trunk",
                     f"{sum(map(count, parts)):,} with the self-supervised head"):
        assert sentence in text


@pytest.mark.parametrize("name, layers, millions", [("base", 12, 90.20), ("medium", 8, 61.84)])
def test_base_and_medium_have_the_published_numbers(name, layers, millions):
    trunk, _ = build(name)
    assert count(trunk.feature_extractor) == BASE_EXTRACTOR
    assert count(trunk) + CTC_32 == BASE_EXTRACTOR + layers * BASE_LAYER + BASE_REST
    assert round((count(trunk) - BASE_EXTRACTOR + CTC_32) / 1e6, 2) == millions
    assert name != "base" or count(trunk) + CTC_32 == 94396320


def test_small_trains_what_is_published_and_large_is_the_317_million_of_the_paper():
    small, large = build("small")[0], build("large")
    assert round((count(small) - BASE_EXTRACTOR + CTC_32) / 1e6, 2) == 36.66
    assert round(sum(map(count, large)) / 1e6) == 317


def test_base_and_large_train_as_in_fairseqs_configurations():
    assert conf("base", SSLConfig).gumbel == (2.0, 0.5, 0.999995)  # wav2vec2_base_librispeech.yaml
    assert conf("base", SSLConfig).penalty_weight == 10
    ssl, trunk = conf("large", SSLConfig), conf("large", TrunkConfig)  # wav2vec2_large_librivox.yaml
    assert (ssl.gumbel, ssl.penalty_weight, ssl.diversity_weight) == ((2.0, 0.1, 0.999995), 0, 0.1)
    assert not any((trunk.dropout, trunk.attention_dropout, trunk.activation_dropout, trunk.projection_dropout,
                    trunk.feature_dropout, trunk.layer_drop))


def conf(name, kind):
    return kind.from_dict(yaml.safe_load((SIZES / f"{name}.yaml").read_text())[
        "trunk_conf" if kind is TrunkConfig else "ssl_conf"])


def build(name):
    """Trunk and self-supervised head."""
    trunk, ssl = conf(name, TrunkConfig), conf(name, SSLConfig)
    with torch.device("meta"):
        return Trunk(trunk), SelfSupervisedHead(trunk.dim, trunk.conv_layers[-1][0], ssl)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())
