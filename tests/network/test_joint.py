"""One packed pass for both losses: batches, masks, roles and train mode."""

import pytest
import torch

from espnet_bljust.errors import InputError
from espnet_bljust.network.config import SSLConfig, TrunkConfig
from espnet_bljust.network.joint import JointBatch

LABELS = [torch.tensor([1, 2, 2, 3]), torch.tensor([4]), torch.tensor([5, 6, 5]), torch.tensor([1, 1])]


def pool_batch(waves, drawn, **more):
    masks, negatives, noise = drawn
    return JointBatch(pool=waves, pool_mask=torch.cat(masks), pool_negatives=negatives, noise=torch.cat(noise), **more)


def test_one_pass_gives_the_sums_and_gradients_of_two(make_network, make_waves, draw):
    network, waves, other = make_network(), make_waves(), make_waves(seed=5, lengths=(8000, 14000))
    drawn = draw(network, waves)
    both = network(pool_batch(waves, drawn, labelled=other, labels=LABELS[:2]))
    single, pool = network(JointBatch(labelled=other, labels=LABELS[:2])), network(pool_batch(waves, drawn))
    assert single.ssl is None and pool.ctc_sum is None and both.pool_rows == pool.pool_rows
    torch.testing.assert_close(both.ctc_sum, single.ctc_sum)
    torch.testing.assert_close(network.self_supervised_sum(both), network.self_supervised_sum(pool))
    parameters = list(network.parameters())
    one = torch.autograd.grad(both.ctc_sum + network.self_supervised_sum(both), parameters)
    two = torch.autograd.grad(single.ctc_sum + network.self_supervised_sum(pool), parameters)
    torch.testing.assert_close(one, two)


def test_each_loss_reaches_its_roles_alone(make_network, make_waves, draw):
    network, waves = make_network(), make_waves()
    sums = network(pool_batch(waves, draw(network, waves), labelled=waves, labels=LABELS))
    for loss, silent in ((sums.ctc_sum, "ssl_head."), (network.self_supervised_sum(sums), "ctc.")):
        names, parameters = zip(*network.named_parameters(), strict=True)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
        for name, gradient in zip(names, gradients, strict=True):
            if name.startswith(silent) or (name == "trunk.mask_embedding" and silent == "ssl_head."):
                assert gradient is None or not gradient.any()
            else:
                assert gradient is not None, name


def test_the_edge_scales_the_trunks_gradient_and_not_the_heads(make_network, make_waves, draw):
    network, waves = make_network(), make_waves()
    drawn = draw(network, waves)

    def gradients(edge):
        network.zero_grad()
        network.self_supervised_sum(network(pool_batch(waves, drawn, scale_edge=edge))).backward()
        return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}

    plain, scaled = gradients(None), gradients(lambda tensor: 3 * tensor - 2 * tensor.detach())
    for name in plain:
        torch.testing.assert_close(scaled[name], plain[name] * (3 if name.startswith("trunk.") else 1))


def test_frames_that_are_not_masked_are_never_targets(make_network, make_waves, draw):
    network, waves = make_network(), make_waves()
    masks, negatives, noise = draw(network, waves)
    features = network.trunk.extract(waves)
    rows = features.rows.detach().requires_grad_()
    mask = torch.cat(masks)
    network.trunk.encode(features._replace(rows=rows), mask=mask).sum().backward()
    assert not rows.grad[mask].any() and rows.grad[~mask].any()
    seen = []
    network.ssl_head.quantizer.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    network(pool_batch(waves, (masks, negatives, noise)))
    torch.testing.assert_close(seen[0], features.rows[mask])


def test_wanted_rows_equal_those_of_all_rows_with_and_without_pre_norm(make_network, make_waves):
    for norm_first in (False, True):
        trunk = make_network(norm_first=norm_first).trunk
        features = trunk.extract(make_waves())
        want = torch.rand(len(features.rows), generator=torch.Generator().manual_seed(0)) < 0.3
        want[: features.lengths[0]] = False
        torch.testing.assert_close(trunk.encode(features, want=want), trunk.encode(features)[want])


def test_penalty_and_temperature_are_the_published_ones(make_network, make_waves, draw):
    network, waves = make_network(), make_waves(lengths=(9600,))
    sums = network(pool_batch(waves, draw(network, waves)))
    rows, _ = network.trunk.feature_extractor(waves)
    torch.testing.assert_close(sums.penalty_sum / sums.pool_rows, rows.pow(2).mean())
    expected = sums.ssl.contrastive + sums.ssl.num_masked * (0.1 * sums.ssl.diversity + 10 * rows.pow(2).mean())
    torch.testing.assert_close(network.self_supervised_sum(sums), expected)
    assert [network.temperature(n) for n in (0, 1, 10**7)] == [2.0, 2.0 * 0.999995, 0.5]


def test_train_mode_drops_from_torchs_global_generator_and_evaluation_does_not(make_network, make_waves, draw):
    changes = {"dropout": 0.1, "attention_dropout": 0.1, "activation_dropout": 0.1, "projection_dropout": 0.1,
               "feature_dropout": 0.1, "layer_drop": 0.5}
    network, waves = make_network(**changes), make_waves()
    batch = pool_batch(waves, draw(network, waves), labelled=waves, labels=LABELS)

    def losses(seed):
        torch.manual_seed(seed)
        sums = network(batch)
        return sums.ctc_sum.item(), sums.ssl.contrastive.item()

    network.train()
    assert losses(0) == losses(0) != losses(1)
    network.eval()
    assert losses(0) == losses(1)


def test_a_pool_without_a_masked_frame_adds_nothing_and_backward_works(make_network, make_waves):
    network, waves = make_network(), make_waves(lengths=(2000,))
    frames = network.trunk.config.num_frames(2000)
    sums = network(JointBatch(pool=waves, pool_mask=torch.zeros(frames, dtype=torch.bool),
                              pool_negatives=[torch.zeros(0, 5, dtype=torch.int64)]))
    loss = network.self_supervised_sum(sums)
    loss.backward()
    assert float(loss) == 0 and sums.ssl.num_masked == 0


def test_audio_under_the_receptive_field_is_named_by_its_place(make_network, make_waves):
    network = make_network()
    assert network.trunk.config.receptive_field == 400
    assert [network.trunk.config.num_frames(n) for n in (0, 399, 400, 719, 720, 16000)] == [0, 0, 1, 1, 2, 49]
    assert network.recognise(make_waves(lengths=(400,)))[1] == [1]
    with pytest.raises(ValueError, match="utterance 1 of the batch: 399 samples"):
        network.recognise(make_waves(lengths=(9600, 399)))


@pytest.mark.parametrize("kind", [TrunkConfig, SSLConfig])
def test_an_unknown_key_and_a_wrong_value_are_named(kind):
    with pytest.raises(InputError, match="unknown key dimension"):
        kind.from_dict({"dimension": 3})
    with pytest.raises(InputError, match=r"num_heads|groups"):
        kind.from_dict({"num_heads": 5} if kind is TrunkConfig else {"groups": 3})


def test_checkpointing_changes_no_value_and_no_gradient_and_stores_less(make_network, make_waves, draw):
    results, stored = [], []
    for checkpointing in (False, True):
        torch.manual_seed(1)
        network = make_network(checkpointing=checkpointing, num_layers=8, dropout=0.3, attention_dropout=0.2,
                               layer_drop=0.3).train()
        batch = pool_batch(make_waves(), draw(network, make_waves()), labelled=make_waves(), labels=LABELS)
        sizes = []

        def keep(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        torch.manual_seed(2)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            sums = network(batch)
        stored.append(sum(sizes))
        loss = sums.ctc_sum + network.self_supervised_sum(sums)
        results.append([loss, *torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)])
    torch.testing.assert_close(results[1], results[0])
    assert stored[1] < 0.8 * stored[0]
