"""Attention within each utterance of packed rows; no padding is computed and no mask is needed.

On a CPU a run of equal lengths is one call of torch's kernel; lengths that differ gain nothing from sharing one.
On a GPU, where hundreds of small calls would wait for their launch, all utterances are one call on jagged tensors.
"""

from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nested import nested_tensor_from_jagged

from espnet_bljust.network.packed.packing import runs


def attend(
    query: Tensor, key: Tensor, value: Tensor, *, query_counts: list[int], key_counts: list[int], heads: int,
    dropout: float,
) -> Tensor:
    """query (query row, dim), key and value (row, dim) -> (query row, dim); counts: rows of each utterance."""
    form = attend_jagged if query.is_cuda else attend_runs
    return form(query, key, value, query_counts=query_counts, key_counts=key_counts, heads=heads, dropout=dropout)


def attend_runs(
    query: Tensor, key: Tensor, value: Tensor, *, query_counts: list[int], key_counts: list[int], heads: int,
    dropout: float,
) -> Tensor:
    """A call for each run of utterances with equal numbers of queries and of keys."""
    both = runs(list(zip(query_counts, key_counts, strict=True)))
    query_sizes = [run.utterances * run.frames[0] for run in both]
    key_sizes = [run.utterances * run.frames[1] for run in both]
    out = []
    for part, run in zip(zip(query.split(query_sizes), key.split(key_sizes), value.split(key_sizes), strict=True), both,
                         strict=True):
        if len(part[0]):
            q, k, v = (rows.view(run.utterances, -1, heads, rows.shape[1] // heads).transpose(1, 2) for rows in part)
            mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)  # (utterance, head, query, dim / heads)
            out.append(mixed.transpose(1, 2).reshape(len(part[0]), -1))
    return torch.cat(out) if out else query


def attend_jagged(
    query: Tensor, key: Tensor, value: Tensor, *, query_counts: list[int], key_counts: list[int], heads: int,
    dropout: float,
) -> Tensor:
    """One call; lengths are known here, so that none is read back from the device."""
    if len(query) == 0:
        return query
    q = _jagged(query, query_counts, heads)
    k, v = (_jagged(rows, key_counts, heads) for rows in (key, value))
    mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
    return mixed.transpose(1, 2).values().flatten(1)


def _jagged(rows: Tensor, counts: list[int], heads: int) -> Tensor:
    """(row, dim) -> (utterance, head, its rows, dim / heads)."""
    offsets = torch.tensor([0, *accumulate(counts)]).to(rows.device, non_blocking=True)
    values = rows.view(len(rows), heads, -1)
    return nested_tensor_from_jagged(values, offsets, min_seqlen=min(counts), max_seqlen=max(counts)).transpose(1, 2)
