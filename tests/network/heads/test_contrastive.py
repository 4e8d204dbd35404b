"""Closed forms of the contrastive loss."""

import math

import pytest
import torch

from espnet_bljust.network.heads.contrastive import contrast
from espnet_bljust.network.heads.quantizer import GumbelQuantizer, perplexity


def others(count):
    """Every other frame once."""
    return torch.tensor([[j for j in range(count) if j != i] for i in range(count)])


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("keys", [2, 5, 16])
def test_orthonormal_keys_give_the_closed_form_of_the_temperature(keys, temperature):
    eye = torch.eye(keys, dtype=torch.float64)
    found = contrast(eye, eye, identities=torch.arange(keys), negatives=[others(keys)], temperature=temperature)
    expected = keys * math.log(1 + (keys - 1) * math.exp(-1 / temperature))
    assert float(found.loss) == pytest.approx(expected, rel=1e-12)
    assert int(found.correct) == keys


def test_equal_keys_of_unequal_codes_give_log_of_their_number():
    same = torch.ones(8, 3, dtype=torch.float64)
    loss, correct, guess, _ = contrast(same, same, identities=torch.arange(8), negatives=[others(8)], temperature=0.1)
    assert float(loss) == pytest.approx(8 * math.log(8), rel=1e-12) and float(guess) == pytest.approx(float(loss))
    assert int(correct) == 0


def test_a_negative_of_the_positives_own_code_is_left_out():
    same = torch.ones(8, 3, dtype=torch.float64)
    loss, _, guess, _ = contrast(same, same, identities=torch.zeros(8), negatives=[others(8)], temperature=0.1)
    assert float(loss) == pytest.approx(0, abs=1e-12) and float(guess) == 0


def test_frames_whose_negatives_are_all_left_out_are_neither_right_nor_wrong():
    """Two of eight frames have a code of their own; six share one, and a negative only where theirs is another's."""
    eye, codes = torch.eye(8, dtype=torch.float64), torch.tensor([0, 0, 0, 0, 0, 0, 1, 2])
    of_their_own = torch.tensor([[(frame + 1) % 6] for frame in range(6)] + [[0], [1]])
    found = contrast(eye, eye, identities=codes, negatives=[of_their_own], temperature=0.1)
    assert (int(found.correct), int(found.asked)) == (2, 2)
    one_code = contrast(eye, eye, identities=torch.zeros(8), negatives=[others(8)], temperature=0.1)
    assert (int(one_code.correct), int(one_code.asked)) == (0, 0)


def test_a_guess_costs_the_logarithm_of_what_is_left_to_choose_from():
    """Equal vectors tell nothing: the loss is that of a guess, whichever codes the frames have."""
    same, codes = torch.ones(8, 3, dtype=torch.float64), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    loss, _, guess, _ = contrast(same, same, identities=codes, negatives=[others(8)], temperature=0.1)
    assert float(guess) == pytest.approx(6 * math.log(1 + 5) + 2 * math.log(1 + 6), rel=1e-12)
    assert float(loss) == pytest.approx(float(guess), rel=1e-12)


def test_negatives_stay_in_their_utterance_and_sums_add_up_to_a_slow_loop():
    torch.manual_seed(0)
    predictions, targets = torch.randn(9, 4, dtype=torch.float64), torch.randn(9, 4, dtype=torch.float64)
    negatives = [torch.tensor([[1, 2], [0, 2], [1, 1]]), torch.zeros(0, 2, dtype=torch.int64),
                 torch.tensor([[5, 4], [0, 3], [1, 1], [2, 0], [0, 5], [4, 3]])]
    loss, correct, *_ = contrast(predictions, targets, identities=torch.arange(9), negatives=negatives, temperature=0.5)
    expected, right, start = 0.0, 0, 0
    for utterance in negatives:
        for frame, drawn in enumerate(utterance):
            candidates = [start + frame, *(start + drawn).tolist()]
            scores = [torch.cosine_similarity(predictions[start + frame], targets[j], dim=0) / 0.5 for j in candidates]
            expected += float(torch.logsumexp(torch.stack(scores), 0) - scores[0])
            right += int(all(score < scores[0] for score in scores[1:]))
        start += len(utterance)
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    assert int(correct) == right


def test_perplexity_counts_the_codes_in_use():
    one, spread = torch.zeros(6, 2, 3), torch.eye(3).repeat(2, 1)[:, None].repeat(1, 2, 1)
    one[..., 0] = 1
    assert perplexity(one).tolist() == pytest.approx([1.0, 1.0])
    assert perplexity(torch.cat([one[:, :1], spread[:, 1:]], 1)).tolist() == pytest.approx([1.0, 3.0])
    assert perplexity(one[:0]).tolist() == [0, 0]


def test_the_quantizer_gives_code_vectors_and_passes_the_gradient_of_the_soft_choice():
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(5, 8, 2, 4).double()
    rows = torch.randn(10, 5, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(10, 2, 4, dtype=torch.float64)
    out = quantizer(rows, 0.7, noise)
    book = quantizer.codevectors.view(2, 4, 4)
    by_hand = torch.cat([book[group, out.codes[:, group]] for group in range(2)], 1)
    torch.testing.assert_close(out.rows, by_hand)
    weights = torch.randn(10, 8, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((out.rows * weights).sum(), rows)
    soft = ((quantizer.weight_proj(rows).view(10, 2, 4) + noise) / 0.7).softmax(-1)
    surrogate = torch.einsum("rgc,gcd->rgd", soft, book).reshape(10, 8)
    (expected,) = torch.autograd.grad((surrogate * weights).sum(), rows)
    torch.testing.assert_close(gradient, expected)


def test_the_quantizer_draws_no_noise_in_evaluation():
    quantizer = GumbelQuantizer(5, 8, 2, 4).eval()
    state = torch.get_rng_state()
    assert torch.equal(quantizer(torch.ones(3, 5), 2.0).rows[0], quantizer(torch.ones(3, 5), 0.5).rows[0])
    assert torch.equal(torch.get_rng_state(), state)
