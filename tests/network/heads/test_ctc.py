"""CTC over packed frames: torch's sums, utterances without a path, and greedy search."""

import torch

from espnet_bljust.network.heads.ctc import CTCHead, ctc_sum, greedy


def test_sum_over_packed_utterances_is_torchs_one_by_one():
    torch.manual_seed(0)
    lengths, labels = [7, 3, 12], [torch.tensor([1, 1, 2]), torch.tensor([3]), torch.tensor([], dtype=torch.int64)]
    logits = torch.randn(22, 4, dtype=torch.float64, requires_grad=True)
    total, infeasible = ctc_sum(logits, lengths, labels)
    expected = sum(
        torch.nn.functional.ctc_loss(part.log_softmax(-1), label[None], (len(part),), (len(label),), reduction="sum")
        for part, label in zip(logits.split(lengths), labels, strict=True))
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(torch.autograd.grad(total, logits), torch.autograd.grad(expected, logits))
    assert infeasible.tolist() == [False, False, False]


def test_a_loss_per_token_is_torchs_mean_times_the_number_of_utterances():
    torch.manual_seed(0)
    lengths, labels = [7, 3, 12], [torch.tensor([1, 1, 2]), torch.tensor([3]), torch.tensor([], dtype=torch.int64)]
    logits = torch.randn(22, 4, dtype=torch.float64, requires_grad=True)
    head = CTCHead(2, 4, per_token=True)
    total, _ = head.loss_sum(logits, lengths, labels)
    expected = 3 * torch.nn.functional.ctc_loss(
        torch.nn.utils.rnn.pad_sequence(logits.log_softmax(-1).split(lengths)), torch.cat(labels),
        torch.tensor(lengths), torch.tensor([3, 1, 0]), reduction="mean")
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(torch.autograd.grad(total, logits), torch.autograd.grad(expected, logits))


def test_utterances_without_a_path_are_named_and_leave_sum_and_gradient_finite():
    lengths = [4, 3, 3]
    labels = [torch.tensor([1, 2]), torch.tensor([1, 1, 2]), torch.tensor([1, 2, 1])]  # 2, 4 and 3 frames needed
    logits = torch.randn(10, 4, requires_grad=True)
    total, infeasible = ctc_sum(logits, lengths, labels)
    assert infeasible.tolist() == [False, True, False]
    (gradient,) = torch.autograd.grad(total, logits)
    assert torch.isfinite(gradient).all()
    assert (gradient[4:7] == 0).all() and (gradient[7:] != 0).any()
    none, infeasible = ctc_sum(logits, lengths, [torch.tensor([1] * 9)] * 3)
    assert float(none) == 0 and infeasible.all() and none.requires_grad


def test_greedy_collapses_repeats_once_and_leaves_out_blank_zero():
    path = torch.tensor([0, 1, 1, 0, 1, 2, 2, 3, 0, 0, 2, 2, 2, 0, 0])
    logits = torch.nn.functional.one_hot(path, 4).float()
    assert greedy(logits, [10, 3, 2]) == [[1, 1, 2, 3], [2], []]
