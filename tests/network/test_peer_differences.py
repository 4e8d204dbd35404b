"""Where the peers differ from each other, which of them we follow: the rows of docs/differences.md that a run shows."""


import numpy as np
import pytest
import torch

from espnet_bljust.network.heads.masking import span_mask
from tests.helpers import agreement, peers

pytest.importorskip("transformers", reason="transformers is not installed: the extra `test`")
pytest.importorskip("s3prl", reason="s3prl is not installed: the extra `bench`")
LARGE = {"dim": 48, "extractor_norm": "layer", "conv_bias": True, "norm_first": True}
MIXED = (9600, 16000)


@pytest.fixture
def step_of(make_network, make_waves, draw):
    """(network, waves, drawn) of two utterances with equally many masked frames."""

    def make(lengths=MIXED, few_codes=False, **shape):
        network, waves = make_network(**{"dim": 48, **shape}), make_waves(lengths=lengths)
        with torch.no_grad():
            network.ssl_head.quantizer.weight_proj.weight.mul_(0.01 if few_codes else 0.1)
            if few_codes:
                network.ssl_head.quantizer.weight_proj.bias.zero_()[[0, 64]] = 0.01
        return network, waves, peers.Draw(*draw(network, waves, equal_counts=True))

    return make


@pytest.mark.parametrize("kind", [peers.Transformers, peers.S3prl])
def test_padding_in_the_peers_group_norm_changes_an_utterance_and_ours_has_none(step_of, kind):
    network, waves, drawn = step_of()
    peer = kind(network)
    alone, batch = peers.one_by_one(peer.step, waves, drawn), peer.step(waves, drawn)
    assert agreement.difference(batch.hidden[-1], alone.hidden[-1]) > 0.01
    assert agreement.difference(peers.our_step(network, waves, drawn).hidden[-1], alone.hidden[-1]) < 1e-10


def test_negatives_of_the_positives_code_are_left_out_as_in_hugging_face_and_kept_by_s3prl(step_of):
    network, waves, drawn = step_of(few_codes=True)
    theirs, port = peers.Transformers(network), peers.S3prl(network)
    theirs.model.eval(), port.model.eval()
    ours = peers.one_by_one(lambda *step: peers.our_step(network.eval(), *step), waves, drawn)
    assert agreement.difference(ours.contrastive, peers.one_by_one(theirs.step, waves, drawn).contrastive) < 1e-10
    kept = peers.one_by_one(port.step, waves, drawn)
    with torch.no_grad():
        predictions = network.ssl_head.project_hidden(ours.hidden[-1][torch.cat(drawn.masks)])
    expected, start = 0.0, 0
    for negatives in drawn.negatives:
        for row, drawn_rows in enumerate(negatives):
            rows = [start + row, *(start + drawn_rows).tolist()]
            scores = torch.cosine_similarity(predictions[start + row], ours.targets[rows], dim=1) / 0.1
            expected += torch.logsumexp(scores, 0) - scores[0]
        start += len(negatives)
    assert agreement.difference(kept.contrastive, expected) < 1e-10
    assert kept.contrastive.detach() > 1.1 * ours.contrastive.detach()


def test_s3prls_logarithm_raises_the_diversity_loss_by_1e_7_times_the_perplexity_a_group(step_of):
    network, waves, drawn = step_of((9600, 9600))
    ours = peers.our_step(network.train(), waves, drawn)
    entries = network.ssl_config.groups * network.ssl_config.codes
    perplexity = entries * (1 - float(ours.diversity.detach()))  # of both groups; theirs is less by a factor 64e-7
    theirs = peers.S3prl(network).step(waves, drawn, epsilon=True)
    assert float((theirs.diversity - ours.diversity).detach()) == pytest.approx(64e-7 * perplexity / entries, rel=1e-3)


def test_s3prls_penalty_counts_padding_and_ours_the_frames_of_utterances(step_of):
    network, waves, drawn = step_of(**LARGE)
    peer = peers.S3prl(network)
    with peers.exact(waves), torch.no_grad(), peers.outputs_of(peer.model.feature_extractor) as features:
        out = peer.model(peers.padded(waves), mask_indices=peers.padded(drawn.masks))
    assert agreement.difference(out["features_pen"], features[0].square().mean()) < 1e-10
    ours = peers.our_step(network, waves, drawn).penalty
    assert agreement.difference(ours, peers.packed(features[0].transpose(1, 2), drawn.masks).square().mean()) < 1e-10
    assert agreement.difference(ours, out["features_pen"]) > 1e-5


def test_s3prl_trims_every_utterance_to_the_fewest_masked_frames():
    from s3prl.upstream.wav2vec2.wav2vec2_model import compute_mask_indices

    np.random.seed(0)  # the port draws from the global generator
    padding = torch.arange(200)[None] >= torch.tensor([[200], [60]])
    counts = {same: compute_mask_indices((2, 200), padding, 0.65, 10, min_masks=2, require_same_masks=same).sum(1)
              for same in (True, False)}
    assert counts[True][0] == counts[True][1] and counts[False][0] > 2 * counts[False][1]


def test_s3prl_has_no_projection_where_extractor_and_transformer_are_equally_wide():
    from s3prl.upstream.wav2vec2.wav2vec2_model import Wav2Vec2Config, Wav2Vec2Model

    with torch.device("meta"):
        narrow = Wav2Vec2Model(Wav2Vec2Config(encoder_layers=1, encoder_embed_dim=512, encoder_attention_heads=8))
    assert narrow.post_extract_proj is None


def test_base_is_indifferent_to_loudness_and_large_wants_normalised_audio(step_of):
    change = {}
    for form, shape in (("base", {}), ("large", LARGE), ("normalised", {**LARGE, "normalize": True})):
        network, waves, _ = step_of(**shape)
        with torch.no_grad():
            loud, quiet = (network.trunk.extract([gain * wave for wave in waves]).rows for gain in (3, 0.3))
        change[form] = agreement.difference(quiet, loud)
    assert change["base"] < 0.001 and change["large"] > 0.05 and change["normalised"] < 1e-4, change


def test_normalised_audio_is_what_hugging_face_makes_of_it(step_of):
    from transformers import Wav2Vec2FeatureExtractor

    network, waves, _ = step_of(**LARGE, normalize=True)
    plain, _, _ = step_of(**LARGE)
    plain.load_state_dict(network.state_dict())
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)
    made = extractor([wave.numpy() for wave in waves], sampling_rate=16000).input_values
    with torch.no_grad():
        expected = plain.trunk.extract([torch.as_tensor(wave).to(waves[0]) for wave in made]).rows
        assert agreement.difference(network.trunk.extract(waves).rows, expected) < 1e-5


def test_s3prl_never_masks_the_last_frame_and_ours_does():
    from s3prl.upstream.wav2vec2.wav2vec2_model import compute_mask_indices

    np.random.seed(0)
    rng = np.random.default_rng(0)
    assert not compute_mask_indices((200, 100), None, 0.65, 10, min_masks=2)[:, -1].any()
    assert any(span_mask(100, probability=0.65, span=10, rng=rng)[-1] for _ in range(200))
