"""Stage 5: tokens.txt of the training transcripts and, for bpe, bpe.model; what the text is in these tokens."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.data.text.token_list import BpeOptions, Symbols, count_tokens, write_bpe, write_token_list
from espnet_bljust.data.text.tokens import load_tokenizer, read_symbols
from espnet_bljust.disk.problems import raise_problems


class Vocabulary(NamedTuple):
    """What was made, and the text in it."""

    path: Path  # tokens.txt
    size: int
    tokens: int  # in the text
    unknown: int  # of them
    changed: Counter[str]  # character -> transcripts that these tokens cannot spell with it


def make_tokens(
    text: Path, out_dir: Path, token_type: str, *, special: Symbols, nlsyms_txt: str = "none",
    bpe: BpeOptions | None = None, seed: int = 0,
) -> Vocabulary:
    """``text``: a Kaldi table; nlsyms_txt: file of symbols that stay whole; bpe: for the token type of that name."""
    texts, symbols = Texts(text), read_symbols(nlsyms_txt)
    out_dir.mkdir(parents=True, exist_ok=True)
    model = None
    if bpe is not None:
        tokens, model = write_bpe(texts, out_dir, with_symbols(bpe, symbols), seed), out_dir / "bpe.model"
    else:
        tokens = count_tokens(texts, token_type, symbols)
    path = out_dir / "tokens.txt"
    vocabulary = special.around(tokens)
    write_token_list(path, vocabulary)
    tokenizer = load_tokenizer(token_type, path, model, nlsyms_txt)
    ids: Counter[int] = Counter()
    changed: Counter[str] = Counter()
    for text in texts:
        spelt = tokenizer.encode(text)
        ids.update(spelt)
        if model:
            changed.update(_changed(text, tokenizer.decode(spelt), symbols))
    return Vocabulary(path, len(vocabulary), ids.total(), ids[tokenizer.unknown], changed)


def _changed(text: str, spelt: str, symbols: Sequence[str]) -> set[str]:
    """Characters that ``text`` has and its tokens do not give back: none where they give it back as it is."""
    if " ".join(text.split()) == spelt:
        return set()
    for symbol in symbols:
        text = text.replace(symbol, " ")
    return {character for character in text if text.count(character) > spelt.count(character)} - {" "}


def with_symbols(bpe: BpeOptions, symbols: Sequence[str]) -> BpeOptions:
    """``symbols`` stay whole beside those that ``bpe`` names."""
    return replace(bpe, nlsyms=[*symbols, *bpe.nlsyms])


class Texts:
    """The transcripts of a table, from the start at each loop, one in memory at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[str]:
        problems: list[str] = []
        for number, key, value in walk_table(self.path, problems):
            if not value:
                problems.append(f"{self.path}:{number}: {key} has nothing after it. Add its words, or drop the line.")
            yield value
        raise_problems(problems, self.path.with_name(self.path.name + ".problems.txt"))
