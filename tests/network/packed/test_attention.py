"""Both forms of attention over packed rows against softmax(q kᵀ / sqrt(d)) v, written out a head and an utterance."""

import pytest
import torch

from espnet_bljust.network.packed.attention import attend_jagged, attend_runs

HEADS = 3


def plain(query, key, value, query_counts, key_counts):
    out = []
    for q, k, v in zip(query.split(query_counts), key.split(key_counts), value.split(key_counts), strict=True):
        heads = [(a @ b.t() / a.shape[1] ** 0.5).softmax(1) @ c for a, b, c in zip(
            *(rows.chunk(HEADS, 1) for rows in (q, k, v)), strict=True)]
        out.append(torch.cat(heads, 1))
    return torch.cat(out)


@pytest.mark.parametrize("query_counts", [[7, 5, 5, 1], [3, 0, 5, 1], [2, 2, 2, 0]])
@pytest.mark.parametrize("form", [attend_runs, attend_jagged])
def test_attention_and_its_gradients_are_the_formulas(form, query_counts):
    torch.manual_seed(0)
    key_counts = [7, 5, 5, 1]
    rows = [torch.randn(sum(counts), HEADS * 4, dtype=torch.float64, requires_grad=True)
            for counts in (query_counts, key_counts, key_counts)]
    ours = form(*rows, query_counts=query_counts, key_counts=key_counts, heads=HEADS, dropout=0.0)
    theirs = plain(*rows, query_counts, key_counts)
    torch.testing.assert_close(ours, theirs)
    pull = torch.randn_like(theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, rows, pull), torch.autograd.grad(theirs, rows, pull))


@pytest.mark.parametrize("form", [attend_runs, attend_jagged])
def test_without_any_query_there_is_no_row(form):
    keys = torch.randn(7, HEADS * 4)
    out = form(keys[:0], keys, keys, query_counts=[0, 0], key_counts=[4, 3], heads=HEADS, dropout=0.0)
    assert out.shape == (0, HEADS * 4)


@pytest.mark.parametrize("form", [attend_runs, attend_jagged])
def test_dropout_leaves_out_keys_and_keeps_the_mean(form):
    torch.manual_seed(0)
    counts, ones = [400], torch.ones(400, HEADS * 4, dtype=torch.float64)
    out = form(torch.zeros_like(ones), ones, ones, query_counts=counts, key_counts=counts, heads=HEADS, dropout=0.25)
    assert out.std() > 0 and abs(float(out.mean()) - 1) < 0.01  # each of 1200 means has a deviation of 0.03
