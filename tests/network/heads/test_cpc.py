"""CPC: closed forms, a slow loop over contexts and steps, what reaches what, and that the future is never heard."""

import math

import numpy as np
import pytest
import torch

from espnet_bljust.network.config import CPCConfig, TrunkConfig
from espnet_bljust.network.heads.cpc import CPCHead, stretches
from espnet_bljust.network.heads.masking import sample_negatives
from espnet_bljust.network.joint import JointBatch, JointNetwork
from espnet_bljust.network.log_mel_config import CnnRnnConfig, ConformerConfig
from espnet_bljust.training.augment import Turn
from espnet_bljust.training.masks import Drawing, MaskingConfig

CONFIG = CPCConfig(context_seconds=0.4, future_seconds=0.2, final_dim=6)
TRUNK = CnnRnnConfig(num_mels=20, num_convolutions=2, maps=4, num_layers=2, hidden=6, dim=10, dropout=0.0)


def others(count):
    return torch.tensor([[j for j in range(count) if j != i] for i in range(count)])


def head_of(steps, final_dim, config=CONFIG):
    """A head that hands on what it is given: V the identity, W_k the identity of part k of the context."""
    head = CPCHead(steps * final_dim, final_dim, CPCConfig(final_dim=final_dim, temperature=config.temperature), steps)
    with torch.no_grad():
        head.predict.weight.copy_(torch.eye(steps * final_dim))
        head.project.weight.copy_(torch.eye(final_dim))
    return head.double()


def test_orthonormal_frames_predicted_exactly_give_the_closed_form_of_the_temperature():
    eye = torch.eye(5, dtype=torch.float64)
    sums = head_of(5, 5)(eye.flatten()[None], eye, lengths=[0, 5], negatives=[others(5)], temperature=1.0)
    assert float(sums.contrastive) == pytest.approx(5 * math.log(1 + 4 * math.exp(-10)), rel=1e-12)
    assert (sums.num_masked, int(sums.correct)) == (5, 5)


def test_equal_frames_give_log_of_their_number_so_that_a_collapse_is_no_way_out():
    same = torch.ones(8, 3, dtype=torch.float64)
    sums = head_of(8, 3)(same.flatten()[None], same, lengths=[0, 8], negatives=[others(8)], temperature=1.0)
    assert float(sums.contrastive) == pytest.approx(8 * math.log(8), rel=1e-12)
    assert int(sums.correct) == 0


def test_the_loss_is_that_of_a_slow_loop_over_utterances_contexts_and_steps():
    """Two utterances: two stretches with futures of 4 and 3 frames, then one of 2; negatives over an utterance's."""
    torch.manual_seed(0)
    head, rng = CPCHead(7, 9, CONFIG, 5).double(), np.random.default_rng(0)
    futures = [[4, 3], [2]]
    hidden, features = torch.randn(3, 7, dtype=torch.float64), torch.randn(9, 9, dtype=torch.float64)
    negatives = [torch.from_numpy(sample_negatives(sum(each), 6, rng)) for each in futures]
    sums = head(hidden, features, lengths=[0, 4, 0, 3, 0, 2], negatives=negatives, temperature=1.0)
    expected, start, context = 0.0, 0, 0
    for counts, drawn in zip(futures, negatives, strict=True):
        row = 0
        for count in counts:
            for k in range(count):
                weight = head.predict.weight.view(5, 6, 7)[k]
                candidates = [start + row, *(start + drawn[row]).tolist()]
                scores = [torch.cosine_similarity(weight @ hidden[context], head.project.weight @ features[j], 0) / 0.1
                          for j in candidates]
                expected += float(-scores[0] + torch.stack(scores).logsumexp(0))
                row += 1
            context += 1
        start += row
    assert float(sums.contrastive) == pytest.approx(expected, rel=1e-12)


def test_stretches_fit_do_not_overlap_and_lie_anywhere():
    config, rng = CPCConfig(), np.random.default_rng(0)
    for samples in (48000, 48001, 100000, 160000, 7 * 48000 + 5):
        found = [stretches(samples, config, rng) for _ in range(50)]
        for each in found:
            assert len(each) == samples // 48000
            assert all(border - first == 32000 and end - border == 16000 for first, border, end in each)
            assert all(one[2] == two[0] for one, two in zip(each, each[1:], strict=False))
            assert each[0][0] >= 0 and each[-1][2] <= samples
        assert len({each[0][0] for each in found}) > 1 or samples <= 48001
    assert stretches(30000, config, rng) == [(0, 20000, 30000)]


def pool(network, lengths=(9600, 7000), seed=0):
    """One stretch of each: contexts, each before its future, whose edges are no targets."""
    edge = network.trunk.config.edge_frames
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    waves, masks, negatives = [], [], []
    for samples in lengths:
        wave, border = 0.3 * torch.randn(samples, generator=generator, dtype=torch.float64), samples * 2 // 3
        waves += [wave[:border], wave[border:]]
        frames = [network.trunk.config.num_frames(len(piece)) for piece in waves[-2:]]
        masks += [torch.zeros(frames[0], dtype=torch.bool), torch.ones(frames[1], dtype=torch.bool)]
        masks[-1][:edge] = masks[-1][-edge:] = False
        negatives.append(torch.from_numpy(sample_negatives(frames[1] - 2 * edge, 5, rng)))
    return JointBatch(pool=waves, pool_mask=torch.cat(masks), pool_negatives=negatives)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return JointNetwork(TRUNK, CONFIG, 7).double()


def test_predictions_hear_the_context_alone_and_targets_the_future_alone(network):
    seen = []
    network.ssl_head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    batch = pool(network)
    network(batch)
    alone = network.trunk.encode(network.trunk.extract([batch.pool[0]]))[-1]
    torch.testing.assert_close(seen[0][0][0], alone)
    edge = network.trunk.config.edge_frames
    targets = [network.trunk.extract([batch.pool[index]]).rows[edge:-edge] for index in (1, 3)]
    torch.testing.assert_close(seen[0][1], torch.cat(targets))
    for piece in batch.pool:
        piece.requires_grad_()
    hidden = []
    network.ssl_head.register_forward_pre_hook(lambda _, inputs: hidden.append(inputs[0]))
    network(batch)
    found = torch.autograd.grad(hidden[0][0].sum(), batch.pool, allow_unused=True, materialize_grads=True)
    assert [bool(gradient.any()) for gradient in found] == [True, False, False, False]


def test_the_loss_reaches_trunk_and_own_head_alone_and_the_edge_scales_the_trunk_alone(network):
    def gradients(edge):
        network.zero_grad()
        batch = pool(network)
        batch.scale_edge = edge
        network.self_supervised_sum(network(batch)).backward()
        return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}

    plain, scaled = gradients(None), gradients(lambda tensor: 3 * tensor - 2 * tensor.detach())
    names = {name for name, _ in network.named_parameters()}
    assert names - plain.keys() == {"ctc.ctc_lo.weight", "ctc.ctc_lo.bias"}
    for name in plain.keys() - {"trunk.mask_embedding"}:
        torch.testing.assert_close(scaled[name], plain[name] * (3 if name.startswith("trunk.") else 1))


def test_sums_of_a_batch_are_those_of_its_utterances_and_labelled_audio_changes_nothing(network):
    whole = network(pool(network))
    first, second = pool(network, (9600,)), pool(network)
    second.pool, second.pool_negatives = second.pool[2:], second.pool_negatives[1:]
    second.pool_mask = second.pool_mask[len(first.pool_mask) :]
    first.pool_negatives = pool(network).pool_negatives[:1]
    parts = network(first).ssl.contrastive + network(second).ssl.contrastive
    torch.testing.assert_close(whole.ssl.contrastive, parts)
    both = pool(network)
    both.labelled, both.labels = [torch.randn(8000, dtype=torch.float64)], [torch.tensor([1, 2])]
    sums = network(both)
    torch.testing.assert_close(sums.ssl.contrastive, whole.ssl.contrastive)
    torch.testing.assert_close(sums.ctc_sum, network(JointBatch(both.labelled, both.labels)).ctc_sum)


def test_a_pool_without_any_future_adds_nothing_and_backward_works(network):
    wave = torch.randn(2000, dtype=torch.float64)
    frames = network.trunk.config.num_frames(2000)
    sums = network(JointBatch(pool=[wave], pool_mask=torch.zeros(frames, dtype=torch.bool),
                              pool_negatives=[torch.zeros(0, 5, dtype=torch.int64)]))
    loss = network.self_supervised_sum(sums)
    loss.backward()
    assert float(loss) == 0 and sums.ssl.num_masked == 0


def test_negatives_that_do_not_fit_the_futures_are_refused(network):
    batch = pool(network)
    batch.pool_negatives = batch.pool_negatives[:1]
    with pytest.raises(ValueError, match="2 contexts and negatives of"):
        network(batch)


@pytest.mark.parametrize("trunk", [
    TrunkConfig(conv_layers=((8, 10, 5), (8, 4, 4), (8, 4, 4), (8, 4, 4)), dim=12, num_layers=1, num_heads=2,
                ffn_dim=16, pos_kernel=8, pos_groups=2),
    CnnRnnConfig(num_mels=12, num_convolutions=3, maps=4, num_layers=1, hidden=8, dim=12),
    CnnRnnConfig(num_mels=12, num_convolutions=2, maps=4, num_layers=1, hidden=8, dim=12, cell="gru", attention=True),
    ConformerConfig(num_mels=12, dim=12, num_layers=1, num_heads=2, ffn_dim=16, kernel=5),
], ids=["wav2vec2", "lstm", "gru with attention", "conformer"])  # fmt: skip
def test_no_target_tells_its_place_in_the_future(trunk):
    """In audio that repeats itself with every frame all targets are the same, wherever in the future they stand."""
    torch.manual_seed(0)
    network = JointNetwork(trunk, CPCConfig(), 5).double().eval()
    repeating = (0.1 * torch.randn(320, dtype=torch.float64)).repeat(201)
    drawing = Drawing(MaskingConfig(num_negatives=3), CPCConfig(), trunk.num_frames, trunk.edge_frames, seed=0)
    draw = drawing.pool(Turn(0), ["a"], [len(repeating)])
    features = network.trunk.extract(draw.pieces([repeating]))
    source = features.rows if features.early is None else features.early
    rows = source[draw.mask]
    assert len(rows) == len(draw.negatives[0]) >= 20 and rows.std() > 0
    torch.testing.assert_close(rows, rows[:1].expand_as(rows), rtol=1e-9, atol=1e-9)
