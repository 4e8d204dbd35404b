"""The tokens of a CTC network in a Hugging Face folder: one that our export wrote, or any Wav2Vec2CTCTokenizer's.

    tokens.txt                 our token list, beside our exports
    vocab.json                 token -> id, of Wav2Vec2CTCTokenizer; its padding token is CTC's blank
    tokenizer_config.json      which tokens are no text, and which one stands between words
Source: transformers 5.23, models/wav2vec2/tokenization_wav2vec2.py and tokenization_wav2vec2_phoneme.py.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from espnet_bljust.data.text.huggingface_tokens import UNKNOWN_TEXT, WORD_BEGIN
from espnet_bljust.data.text.tokens import SPACE, CharSplitter, Splitter, Tokenizer, WordSplitter, read_token_list
from espnet_bljust.disk.settings_file import read_json
from espnet_bljust.errors import InputError

KINDS = {"Wav2Vec2CTCTokenizer": "char", "Wav2Vec2PhonemeCTCTokenizer": "phn"}
USUAL = {"word_delimiter_token": "|", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
MODELS = {"WordLevel": "word", "BPE": "bpe", "Unigram": "bpe"}  # of a tokenizer.json


class PieceSplitter(Splitter):
    """Pieces of a SentencePiece model that is not at hand: they join to text, text does not part into them."""

    def __init__(self, unknown: str) -> None:
        self.unknown = unknown

    def tokens(self, text: str) -> list[str]:
        raise InputError("a Hugging Face folder: holds no SentencePiece model, so that no text is parted into its "
                         "pieces. Take the pack of stage 14, or the experiment's folder.")

    def join(self, tokens: Iterable[str]) -> str:
        texts = (UNKNOWN_TEXT if token == self.unknown else token.replace(WORD_BEGIN, " ") for token in tokens)
        return "".join(texts).removeprefix(" ")


class HuggingFaceTokens(NamedTuple):
    """A tokenizer whose id 0 is blank, and how its ids are found among the network's outputs."""

    tokenizer: Tokenizer
    token_type: str
    order: list[int]  # by our id: the output of the network


def read_tokens(folder: Path, size: int, blank: int) -> HuggingFaceTokens:
    """size: outputs of the network; blank: id of the padding token, of config.json."""
    if not 0 <= blank < size:
        raise InputError(f"{folder / 'config.json'}: pad_token_id {blank} is none of {size} tokens. Restore the file.")
    kind = _keys(folder / "tokenizer_config.json")
    order = [blank, *(index for index in range(size) if index != blank)]
    if (folder / "tokens.txt").is_file():
        tokens = read_token_list(folder / "tokens.txt")
        if len(tokens) != size:
            raise InputError(f"{folder / 'tokens.txt'}: {len(tokens)} tokens, but the network says {size}. Restore it.")
        splitter, token_type = _splitter(folder, tokens[1])
        return HuggingFaceTokens(Tokenizer(splitter, tokens), token_type, order)
    names = _names(folder / "vocab.json", size)
    delimiter, unknown, begin, end = (_token(kind, name, usual) for name, usual in USUAL.items())
    no_text = {blank, *(index for index, name in enumerate(names) if name in ("", begin, end))}
    names = [name or f"<unused {index}>" for index, name in enumerate(names)]
    if kind.get("do_lower_case"):
        names = [name if name in (delimiter, unknown) else name.lower() for name in names]
    ours = [SPACE if names[index] == delimiter else names[index] for index in order]
    token_type = KINDS.get(kind.get("tokenizer_class") or "Wav2Vec2CTCTokenizer", "")
    if not token_type:
        raise InputError(f"{folder / 'tokenizer_config.json'}: {kind['tokenizer_class']} is none of "
                         f"{', '.join(KINDS)}, whose text is known here. Use transformers.")
    tokenizer = Tokenizer(CharSplitter(token for token in ours if len(token) > 1) if token_type == "char" else
                          WordSplitter(), ours, unknown=ours.index(unknown) if unknown in ours else len(ours),
                          silent={place for place, index in enumerate(order) if index in no_text})
    return HuggingFaceTokens(tokenizer, token_type, order)


def _splitter(folder: Path, unknown: str) -> tuple[Splitter, str]:
    """Of a folder of our export."""
    if not (folder / "tokenizer.json").is_file() or (folder / "vocab.json").is_file():
        return CharSplitter(), "char"
    model = _keys(folder / "tokenizer.json").get("model")
    token_type = MODELS.get(model.get("type", "") if isinstance(model, Mapping) else "")
    if token_type is None:
        raise InputError(f"{folder / 'tokenizer.json'}: its model is none of {', '.join(MODELS)}. Export it again.")
    return (PieceSplitter(unknown) if token_type == "bpe" else WordSplitter()), token_type


def _names(path: Path, size: int) -> list[str]:
    """The token of each output, empty where it has none."""
    vocabulary = _keys(path)
    if not vocabulary or not all(isinstance(index, int) and 0 <= index < size for index in vocabulary.values()):
        raise InputError(f"{path}: not there, or no ids from 0 to {size - 1} by token. Give the folder that "
                         "Wav2Vec2Processor.save_pretrained writes.")
    names = [""] * size
    for name, index in vocabulary.items():
        names[index] = name
    return names


def _token(kind: Mapping[str, Any], name: str, usual: str) -> str:
    """A special token of tokenizer_config.json, where older versions describe one by several keys."""
    given = kind.get(name, usual)
    return given.get("content", usual) if isinstance(given, Mapping) else given or ""


def _keys(path: Path) -> dict[str, Any]:
    content = read_json(path) if path.is_file() else {}
    return content if isinstance(content, dict) else {}
