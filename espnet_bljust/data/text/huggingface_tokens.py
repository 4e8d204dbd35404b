"""Our token list as a tokenizer of Hugging Face, which turns ids of a CTC network into the text that ours gives.

char: Wav2Vec2CTCTokenizer. bpe, word, phn: a tokenizer.json, whose decoder collapses repeats, drops blanks and joins;
a word or phone is one piece `▁word`, as SentencePiece would write it.
Source: transformers 5.23, models/wav2vec2/tokenization_wav2vec2.py; tokenizers 0.23, decoders and models.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from espnet_bljust.data.text.tokens import SPACE, BpeSplitter
from espnet_bljust.errors import InputError

WORD_BEGIN = "▁"
WIDE = "\uff21"  # a letter that models of earlier versions and of others, by NFKC, take for A
UNKNOWN_TEXT = " ⁇ "  # what SentencePiece writes for a piece that it does not know


def tokenizer_files(token_type: str, tokens: Sequence[str], bpe_model: str | None) -> dict[str, Any]:
    """File name -> content, to be written as JSON."""
    config = {"unk_token": tokens[1], "pad_token": tokens[0], "bos_token": None, "eos_token": None,
              "clean_up_tokenization_spaces": False}
    if token_type == "char":
        delimiter = next(mark for mark in "|_#~^" if mark not in tokens)
        names = {SPACE: delimiter, tokens[-1]: ""}  # <sos/eos> is no text
        kind = {"tokenizer_class": "Wav2Vec2CTCTokenizer", "word_delimiter_token": delimiter,
                "replace_word_delimiter_char": " ", "do_lower_case": False}
        return {"vocab.json": {names.get(token, token): index for index, token in enumerate(tokens)},
                "tokenizer_config.json": {**kind, **config}}
    pieces = list(tokens)
    if token_type != "bpe":
        pieces[1:-1] = [WORD_BEGIN + token for token in tokens[1:-1]]
        config["unk_token"] = pieces[1]
    as_nfkc = bool(bpe_model) and BpeSplitter(bpe_model).processor.normalize(WIDE) != WIDE
    return {"tokenizer.json": _tokenizer(pieces, _model(token_type, pieces, bpe_model), as_nfkc),
            "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", **config}}


def _tokenizer(pieces: list[str], model: dict[str, Any], as_nfkc: bool) -> dict[str, Any]:
    unknown = [(pieces[1], UNKNOWN_TEXT)] if not pieces[1].startswith(WORD_BEGIN) else []
    texts = [(pieces[-1], ""), *unknown, (WORD_BEGIN, " ")]
    decoders = [
        {"type": "CTC", "pad_token": pieces[0], "word_delimiter_token": pieces[0], "cleanup": False},
        *({"type": "Replace", "pattern": {"String": piece}, "content": text} for piece, text in texts),
        {"type": "Fuse"},
        {"type": "Replace", "pattern": {"Regex": "^ +| +$"}, "content": ""},  # Strip panics where nothing is left
    ]
    one_space = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    nfkc = [{"type": "NFKC"}] if as_nfkc else []
    normalizers = [*nfkc, {"type": "Strip", "strip_left": True, "strip_right": True}, one_space]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "post_processor": None,
        "normalizer": {"type": "Sequence", "normalizers": normalizers if model["type"] != "WordLevel" else []},
        "pre_tokenizer": {"type": "Metaspace", "replacement": WORD_BEGIN, "prepend_scheme": "always", "split": True},
        "decoder": {"type": "Sequence", "decoders": decoders}, "model": model,
    }


def _model(token_type: str, pieces: list[str], bpe_model: str | None) -> dict[str, Any]:
    """How text becomes pieces."""
    ids = {piece: index for index, piece in enumerate(pieces)}
    if token_type != "bpe":
        return {"type": "WordLevel", "vocab": ids, "unk_token": pieces[1]}
    if not bpe_model:
        raise InputError("bpemodel: not in train.yaml, but token_type is bpe. Restore train.yaml by stage 7.")
    processor = BpeSplitter(bpe_model).processor
    scores = {piece: processor.get_score(processor.piece_to_id(piece)) for piece in pieces[2:-1]}
    ranked = sorted(scores.values(), reverse=True)
    if all(first - second == 1 for first, second in pairwise(ranked)):  # byte-pair models hold ranks, others log p
        return {"type": "BPE", "vocab": ids, "merges": _merges(scores), "unk_token": pieces[1], "fuse_unk": True,
                "dropout": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "byte_fallback": False,
                "ignore_merges": False}
    return {"type": "Unigram", "unk_id": 1, "byte_fallback": False,
            "vocab": [[piece, scores.get(piece, 0.0)] for piece in pieces]}


def _merges(scores: dict[str, float]) -> list[list[str]]:
    """Every way to make a piece of two others, in the order of the ranks."""
    merges = [(score, piece[:cut], piece[cut:]) for piece, score in scores.items() for cut in range(1, len(piece))
             if piece[:cut] in scores and piece[cut:] in scores]
    return [[left, right] for score, left, right in sorted(merges, key=lambda one: -one[0])]
