"""Text to token ids and back, by ESPnet's conventions: the same ids as its tokenizers and TokenIDConverter give.

tokens.txt: one token a line, its id is the line number from 0
<blank> first (id 0, CTC's), <unk> second, <sos/eos> last; <space> is the space of token type char
"""

import codecs
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from espnet_bljust.data.text.piece_file import problem
from espnet_bljust.errors import InputError

TOKEN_TYPES = ("char", "bpe", "word", "phn")
SPACE = "<space>"


class Splitter:
    """Text to tokens and back, without ids: what ESPnet calls a tokenizer."""

    def tokens(self, text: str) -> list[str]:
        raise NotImplementedError

    def join(self, tokens: Iterable[str]) -> str:
        raise NotImplementedError


class CharSplitter(Splitter):
    """Single characters; ``symbols`` (e.g. ``<noise>``) stay whole, the longest first."""

    def __init__(self, symbols: Iterable[str] = ()) -> None:
        self.symbols = tuple(sorted(set(symbols) - {""}, key=lambda symbol: (-len(symbol), symbol)))

    def tokens(self, text: str) -> list[str]:
        tokens, place = [], 0
        while place < len(text):
            token = next((symbol for symbol in self.symbols if text.startswith(symbol, place)), text[place])
            tokens.append(SPACE if token == " " else token)
            place += len(token)
        return tokens

    def join(self, tokens: Iterable[str]) -> str:
        return "".join(" " if token == SPACE else token for token in tokens)


class WordSplitter(Splitter):
    """What stands between white space."""

    def tokens(self, text: str) -> list[str]:
        return text.split()

    def join(self, tokens: Iterable[str]) -> str:
        return " ".join(tokens)


class PhoneSplitter(Splitter):
    """Phones between single spaces; three spaces in a row mean a phone of one space (ESPnet's word boundary)."""

    def tokens(self, text: str) -> list[str]:
        return [token.replace(SPACE, " ") for token in text.replace("   ", f" {SPACE} ").split(" ")]

    def join(self, tokens: Iterable[str]) -> str:
        return " ".join(tokens)


class BpeSplitter(Splitter):
    """Pieces of a SentencePiece model."""

    def __init__(self, model: Path | str) -> None:
        from sentencepiece import SentencePieceProcessor  # loads a library, which no other token type needs

        read_bpe_model(model)
        try:
            self.processor = SentencePieceProcessor(model_file=str(model))
        except (RuntimeError, OSError) as error:
            raise InputError(f"{model}: not a SentencePiece model ({error}). Run stage 5 again.") from None

    def tokens(self, text: str) -> list[str]:
        return self.processor.encode(text, out_type=str)

    def join(self, tokens: Iterable[str]) -> str:
        return self.processor.decode_pieces(list(tokens))


def make_splitter(token_type: str, *, bpe_model: Path | str | None = None, symbols: Iterable[str] = ()) -> Splitter:
    """The splitter of a token type; ``symbols`` are kept whole by char, the others need no list."""
    if token_type == "char":
        return CharSplitter(symbols)
    if token_type == "word":
        return WordSplitter()
    if token_type == "phn":
        return PhoneSplitter()
    if token_type != "bpe":
        raise InputError(f"--token_type {token_type}: not known. Use one of {', '.join(TOKEN_TYPES)}.")
    if not bpe_model:
        raise InputError("--token_type bpe: no SentencePiece model given. Add --bpe_model <folder>/bpe.model.")
    return BpeSplitter(bpe_model)


class Tokenizer:
    """A splitter with a vocabulary: text to ids and back."""

    def __init__(self, splitter: Splitter, vocabulary: Sequence[str], unknown: int = 1,
                 silent: Collection[int] | None = None) -> None:
        """unknown: id of <unk>; silent: ids that are no text, without it <blank> and <sos/eos>, the first and last."""
        self.splitter = splitter
        self.vocabulary = list(vocabulary)
        self._ids = {token: index for index, token in enumerate(self.vocabulary)}
        self.unknown = unknown
        self._silent = {0, len(self.vocabulary) - 1} if silent is None else set(silent)

    def tokens(self, text: str) -> list[str]:
        return self.splitter.tokens(text)

    def encode(self, text: str) -> list[int]:
        """Ids from 1; a token outside the vocabulary becomes <unk>."""
        return [self._ids.get(token, self.unknown) for token in self.splitter.tokens(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids`` without silent ones, and without spaces at its ends."""
        return self.splitter.join(self.vocabulary[index] for index in ids if index not in self._silent).strip()

    def spell(self, ids: Iterable[int]) -> Sequence[str]:
        """What an error rate in training counts: the phones of token type phn, the characters of any other."""
        text = self.decode(ids)
        return text.split() if isinstance(self.splitter, PhoneSplitter) else text


def load_tokenizer(
    token_type: str,
    token_list: Path | str | Sequence[str],
    bpe_model: Path | str | None = None,
    nlsyms_txt: Path | str | None = None,
) -> Tokenizer:
    """A tokenizer from tokens.txt (its path, or the tokens themselves) and, for bpe, a SentencePiece model."""
    if isinstance(token_list, Path | str):
        vocabulary, name = read_token_list(token_list), str(token_list)
    else:
        vocabulary, name = list(token_list), "token_list"
    if len(set(vocabulary)) != len(vocabulary):
        twice = next(token for token in vocabulary if vocabulary.count(token) > 1)
        raise InputError(f"{name}:{len(vocabulary) - vocabulary[::-1].index(twice)}: {twice!r} stands there twice.")
    if len(vocabulary) < 4:
        raise InputError(f"{name}: {len(vocabulary)} tokens; <blank>, <unk>, one of text and <sos/eos> are the least.")
    splitter = make_splitter(token_type, bpe_model=bpe_model, symbols=read_symbols(nlsyms_txt))
    return Tokenizer(splitter, vocabulary)


def read_token_list(path: Path | str) -> list[str]:
    """The lines of tokens.txt; only the line feed ends a line, since any other character may be a token."""
    lines = _read_lines(path, "Run stage 5, or check --token_list.")
    for number, line in enumerate(lines, 1):
        if not line:
            raise InputError(f"{path}:{number}: a blank line. Remove it; line numbers are ids.")
    return lines


def read_symbols(path: Path | str | None) -> list[str]:
    """Non-linguistic symbols, one a line; ``none`` or nothing means there are none."""
    if path is None or str(path) in ("", "none"):
        return []
    return [line.rstrip() for line in _read_lines(path, "Check --nlsyms_txt.") if line.strip()]


def _read_lines(path: Path | str, remedy: str) -> list[str]:
    try:
        text = Path(path).read_bytes().removeprefix(codecs.BOM_UTF8).decode()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. {remedy}") from None
    except UnicodeDecodeError as error:
        line = Path(path).read_bytes()[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{line}: not UTF-8. Convert: iconv -t UTF-8.") from None
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def read_bpe_model(path: Path | str) -> bytes:
    """A SentencePiece model; InputError for any other file, so that none is loaded, or published in its place."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such SentencePiece model. Run stage 5, or check --bpe_model.")
    data = path.read_bytes()
    if trouble := problem(data):
        raise InputError(f"{path}: not a SentencePiece model ({trouble}). Run stage 5 again.")
    return data
