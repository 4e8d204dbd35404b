"""Hugging Face's tokenizers, made from our token lists, give our text and our ids."""

import json
import random
from itertools import groupby

import pytest

from espnet_bljust.data.text.huggingface_tokens import tokenizer_files
from espnet_bljust.data.text.token_list import BpeOptions, Symbols, count_tokens, write_bpe
from espnet_bljust.data.text.tokens import load_tokenizer

SENTENCES = ["THE CAT SAT ON THE MAT", "HELLO WORLD HOW ARE YOU", "A BAD DAY IN THE WOOD", "CATS AND DOGS",
             "WE WERE HERE", "SHE SELLS SEA SHELLS"] * 3


@pytest.fixture(params=["char", "word", "phn", "unigram", "bpe"])
def pair(request, tmp_path):
    """(ours, theirs, the token list)."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: the extra `test`")
    kind, model = request.param, None
    if kind in ("unigram", "bpe"):
        pieces = write_bpe(SENTENCES, tmp_path, BpeOptions(nbpe=40, bpemode=kind))
        kind, model = "bpe", str(tmp_path / "bpe.model")
    else:
        pieces = count_tokens(SENTENCES, kind)
    tokens = Symbols().around(pieces)
    for name, content in tokenizer_files(kind, tokens, model).items():
        (tmp_path / name).write_text(json.dumps(content))
    return load_tokenizer(kind, tokens, model), transformers.AutoTokenizer.from_pretrained(tmp_path), tokens


def test_any_path_of_ctc_becomes_our_text(pair):
    ours, theirs, tokens = pair
    rng = random.Random(0)
    for length in [0, 1, 1, 2, *range(200)]:
        path = [token for _ in range(length % 12) for token in [rng.randrange(len(tokens))] * rng.randint(1, 2)]
        ids = [token for token, _ in groupby(path) if token]
        assert theirs.decode(path, skip_special_tokens=False) == ours.decode(ids)


def test_text_becomes_our_ids(pair):
    ours, theirs, _ = pair
    for sentence in SENTENCES[:6]:
        assert theirs(sentence)["input_ids"] == ours.encode(sentence)
